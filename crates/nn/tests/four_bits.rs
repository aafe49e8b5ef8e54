//! A map in four bits through all that is done to modules.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use kernels::{Int4, Int4Parts, Precision};
use nn::{GroupedLinear, Linear, Weight};
use testkit::{assert_same, integers, normal, uniform};

/// E, K, N and G.
fn matrices(experts: usize, device: &Device) -> Int4 {
    Int4::new(Int4Parts {
        words_ein: integers([experts, 2, 5], 1 << 31, 1, device),
        scales_egn: uniform([experts, 2, 5], 0.1, 0.2, 2, device),
        zeros_egn: Tensor::full([1, 1, 1], 8.0, device),
        groups_ek: integers([1, 16], 2, 3, device),
    })
}

#[test]
fn it_is_frozen_and_moves_with_its_module() {
    let device = Device::flex();
    let bias = normal([5], 4, &device);
    let map = Linear::from_tensors(Weight::Int4(matrices(1, &device)), Some(bias));
    let dims = map.dims();
    assert_eq!((dims.inputs, dims.outputs, dims.bias), (16, 5, true));
    // Only the bias is a parameter.
    assert_eq!(map.num_params(), 5);
    assert_eq!(map.devices(), std::slice::from_ref(&device));
    let x = normal([3, 16], 5, &device);
    let expected = map.forward(x.clone(), Precision::F32);

    let trained = map.clone().train();
    let tracked = Tensor::from_inner(x.clone()).require_grad();
    let y = trained.forward(tracked.clone(), Precision::F32);
    assert_same(y.clone().without_autodiff(), expected.clone());
    let gradients = y.sum().backward();
    assert!(tracked.grad(&gradients).is_some());
    for same in [
        trained.valid(),
        trained.no_grad().valid(),
        map.clone().fork(&device),
        map.clone().to_device(&device),
        map.clone().materialize(),
    ] {
        assert_same(same.forward(x.clone(), Precision::F32), expected.clone());
    }
    assert!(map.to_string().contains("int4 [1, 16, 5]"));
}

#[test]
fn experts_in_four_bits_are_computed_side_by_side_and_by_their_rows() {
    let device = Device::flex();
    let experts = GroupedLinear::from_tensors(Weight::Int4(matrices(3, &device)), None);
    assert_eq!(experts.dims(), [3, 16, 5]);
    let x_eci = normal([3, 4, 16], 6, &device);
    let batched = experts.forward_batched(x_eci.clone(), kernels::Activation::Gelu, Precision::F32);
    let offsets = Tensor::from_ints([0, 4, 8, 12], &device);
    let rows = x_eci.reshape([12, 16]);
    let sorted = experts.forward_sorted(rows, offsets, kernels::Activation::Gelu, Precision::F32);
    assert_same(batched.reshape([12, 5]), sorted);
    assert_eq!(experts.frozen().dims(), [3, 16, 5]);
}
