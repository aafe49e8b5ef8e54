//! Each part by numbers worked out by hand.

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor},
};
use kernels::Precision;
use nn::{
    Activation, Attention, AttentionDims, Dropout, KeyValues, LayerNorm, Linear, LinearDims, Mask,
    RmsNorm, Rope,
};
use testkit::{F32_SUM, FINITE_DIFFERENCE, assert_close, gradient_check, normal};

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

#[test]
fn an_rms_norm_by_hand() {
    // (3, 4) has the mean square 12.5; with epsilon 12.5 the root of 25.
    let device = Device::flex();
    let gamma = Tensor::<1>::from_data([1.0f32, 10.0], &device);
    let norm = RmsNorm::from_tensor(gamma, 12.5);
    let given = norm.forward(Tensor::<2>::from_data([[3.0f32, 4.0]], &device));
    assert_close(given, Tensor::from_data([[0.6f32, 8.0]], &device), F32_SUM);
    assert_eq!(
        RmsNorm::new(7, 1e-6, &device).num_params(),
        RmsNorm::num_params(7)
    );
}

/// Token by token with what was before, all at once, and by the fast operation: one attention.
#[test]
fn attention_goes_on_where_it_stopped() {
    let device = Device::flex();
    for key_heads in [1, 2, 4] {
        let dims = AttentionDims {
            width: 8,
            heads: 4,
            key_heads,
            head_width: 6,
            bias: true,
            output_bias: false,
        };
        let attention = Attention::init_normal(&dims, 0.5, &device);
        assert_eq!(attention.num_params(), dims.num_params());
        let rope = Rope {
            theta: 1e4,
            head_width: 6,
        };
        let x_bsd = normal([2, 5, 8], 3, &device);
        let places = Tensor::<1, Int>::arange(0..5, &device)
            .unsqueeze::<2>()
            .expand([2, 5]);
        let rotation = rope.at(places.clone());
        let run = |mask: &Mask| {
            attention.forward(x_bsd.clone(), Some(&rotation), mask, None, Precision::F32)
        };
        let whole = run(&Mask::causal());
        let real = Tensor::<2>::ones([2, 5], &device).greater_elem(0.0);
        assert_close(run(&Mask::causal().with_real(real)), whole.clone(), F32_SUM);
        let mut before = KeyValues::default();
        for (start, count) in [(0, 2), (2, 1), (3, 2)] {
            let part = x_bsd.clone().narrow(1, start, count);
            let rotation = rope.at(places.clone().narrow(1, start, count));
            let mask = Mask::causal();
            let given = attention.forward(
                part,
                Some(&rotation),
                &mask,
                Some(&mut before),
                Precision::F32,
            );
            assert_close(given, whole.clone().narrow(1, start, count), F32_SUM);
            assert_eq!(before.places(), start + count);
        }
    }
}

/// The gradient of the input through queries, keys and values, masks and turns.
#[test]
fn attention_differentiates_its_input() {
    let device = Device::flex().autodiff();
    let dims = AttentionDims {
        width: 6,
        heads: 2,
        key_heads: 1,
        head_width: 4,
        bias: true,
        output_bias: false,
    };
    let plain = Device::flex();
    let attention = Attention::init_normal(&dims, 0.8, &plain);
    let rope = Rope {
        theta: 100.0,
        head_width: 4,
    };
    let real = || Tensor::from_bool([[false, true, true]], &device);
    // The last queries, of which each sees a key: the scores of one that sees none count in its gradient
    // and not in its result.
    for (turned, mask, last) in [
        (false, Mask::both_ways(), 3),
        (true, Mask::both_ways(), 3),
        (false, Mask::both_ways().with_real(real()), 3),
        (false, Mask::causal(), 3),
        (true, Mask::causal().with_real(real()), 2),
    ] {
        let loss = |x_sd: Tensor<2>| {
            let device = x_sd.device();
            let places = Tensor::<1, Int>::arange(0..3, &device).unsqueeze::<2>();
            let rotation = turned.then(|| rope.at(places));
            let moved = attention.clone().to_device(&device);
            let x_bsd = x_sd.unsqueeze::<3>();
            let y = moved.forward(x_bsd, rotation.as_ref(), &mask, None, Precision::F32);
            let y = y * normal([1, 3, 6], 8, &device);
            y.narrow(1, 3 - last, last).sum()
        };
        gradient_check(loss, normal([3, 6], 6, &device), 1e-2, FINITE_DIFFERENCE);
    }
}
