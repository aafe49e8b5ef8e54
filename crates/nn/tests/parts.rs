//! Each part by numbers worked out by hand.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use kernels::Precision;
use nn::{Activation, Dropout, LayerNorm, Linear, LinearDims};
use testkit::{F32_SUM, assert_close};

#[test]
fn a_map_by_hand() {
    let device = Device::flex();
    let weight = Tensor::<2>::from_data([[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]], &device);
    let bias = Tensor::<1>::from_data([0.5f32, -0.5], &device);
    let map = Linear::from_tensors(weight, Some(bias));
    assert_eq!(map.dims(), LinearDims::new(3, 2));
    let x = Tensor::<3>::from_data([[[1.0f32, 0.0, -1.0]], [[0.0, 2.0, 0.0]]], &device);
    // (1 - 5, 2 - 6) and (6, 8), and the bias.
    let expected = Tensor::from_data([[[-3.5f32, -4.5]], [[6.5, 7.5]]], &device);
    assert_close(map.forward(x, Precision::F32), expected, F32_SUM);
}

#[test]
fn numbers_are_counted_before_a_map_is_built() {
    let device = Device::flex();
    for (dims, params, flops) in [
        (LinearDims::new(3, 5), 20, 35),
        (LinearDims::without_bias(3, 5), 15, 30),
    ] {
        assert_eq!((dims.num_params(), dims.flops()), (params, flops));
        assert_eq!(dims.init(&device).num_params(), params);
        let drawn = dims.init_normal(0.02, &device);
        assert_eq!(drawn.num_params(), params);
        assert!(
            drawn
                .bias
                .is_none_or(|bias| bias.val().abs().max().into_scalar::<f32>() == 0.0)
        );
    }
}

#[test]
fn a_map_starts_within_the_root_of_its_inputs() {
    let device = Device::flex();
    device.seed(3);
    let weight = LinearDims::new(16, 400).init(&device).weight.val();
    let largest = weight.abs().max().into_scalar::<f32>();
    assert!((0.2..=0.25).contains(&largest), "{largest}");
}

#[test]
fn a_norm_by_hand() {
    // (1, 3) has mean 2 and deviation 1.
    let device = Device::flex();
    let row = |values: [f32; 2]| Tensor::<1>::from_data(values, &device);
    let norm = LayerNorm::from_tensors(row([2.0, 2.0]), row([0.5, 0.0]), 0.0);
    let given = norm.forward(Tensor::<2>::from_data([[1.0f32, 3.0]], &device));
    assert_close(given, Tensor::from_data([[-1.5f32, 2.0]], &device), F32_SUM);
    assert_eq!(
        LayerNorm::new(7, &device).num_params(),
        LayerNorm::num_params(7)
    );
}

#[test]
fn dropout_is_for_training_alone_and_each_place_draws_its_own() {
    let device = Device::flex();
    let drop = Dropout::new(0.5);
    let ones = |device: &Device| Tensor::<2>::ones([8, 8], device);
    let kept = drop.forward(ones(&device), 1, 0);
    assert_close(kept, ones(&device), F32_SUM);

    let training = device.clone().autodiff();
    let drawn = |drop: &Dropout, seed, place| {
        drop.forward(ones(&training), seed, place)
            .into_data()
            .iter::<f32>()
            .collect::<Vec<_>>()
    };
    assert_eq!(drawn(&drop, 1, 2), drawn(&drop, 1, 2));
    assert_ne!(drawn(&drop, 1, 2), drawn(&drop, 1, 3));
    assert_ne!(drawn(&drop, 1, 2), drawn(&drop, 2, 2));
    assert!(
        drawn(&drop, 1, 2)
            .iter()
            .all(|value| [0.0, 2.0].contains(value))
    );
    assert!(
        drawn(&Dropout::new(0.0), 1, 2)
            .iter()
            .all(|value| *value == 1.0)
    );
    assert!(
        drawn(&drop.freeze(), 1, 2)
            .iter()
            .all(|value| *value == 1.0)
    );
}

#[test]
fn activations_by_hand() {
    // At 1: Phi(1) = 0.8413447, sigmoid(1) = 0.7310586; at -1 times -1 of their complements.
    let device = Device::flex();
    let x = Tensor::<2>::from_data([[1.0f32, -1.0]], &device);
    for (activation, expected) in [
        (Activation::Gelu, [0.841_344_7f32, -0.158_655_3]),
        (Activation::Relu, [1.0, 0.0]),
        (Activation::Silu, [0.731_058_6, -0.268_941_4]),
    ] {
        let expected = Tensor::from_data([expected], &device);
        assert_close(activation.apply(x.clone()), expected, F32_SUM);
    }
}
