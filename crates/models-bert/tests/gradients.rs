//! Where gradients go on an autodiff device.

mod common;

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor},
};
use common::{ALL_HEADS, Folder, random_tensors, small_config};
use kernels::Precision;
use models_bert::Bert;
use moe_layer::ExpertBank;

fn bert(device: &Device) -> Bert {
    let config = small_config();
    let folder = Folder::with(&config, &random_tensors(&config, ALL_HEADS, 3));
    Bert::load(folder.path(), device).expect("a model")
}

/// The gradient of the first matrices of a bank, for rows that every expert gets; the loss does not
/// weigh all values alike.
fn first_matrices(bank: &ExpertBank, device: &Device) -> Tensor<3> {
    let x_1td = testkit::normal([1, 5, 8], 1, device);
    let y_etd = bank.forward_batched(x_1td, Precision::F32);
    let grads = (y_etd.clone() * y_etd).sum().backward();
    bank.up().weight.val().grad(&grads).expect("a gradient")
}

#[test]
fn experts_train_and_each_for_itself() {
    let device = Device::flex().autodiff();
    let bert = bert(&device);
    let alone = bert.expert_bank(1, 1).expect("a bank");
    assert!(
        first_matrices(&alone, &device)
            .abs()
            .max()
            .into_scalar::<f32>()
            > 1e-3
    );
    let bank = bert.expert_bank(1, 3).expect("a bank");
    let grads = first_matrices(&bank, &device);
    assert_eq!(grads.dims(), [3, 8, 32]);
    // Copies that get the same rows have the same gradient, and it is not zero.
    let of = |expert| grads.clone().narrow(0, expert, 1);
    testkit::assert_close(of(1), of(0), testkit::F32_SUM);
    assert!(of(2).abs().max().into_scalar::<f32>() > 1e-3);
}

#[test]
fn a_frozen_encoder_gives_states_without_a_graph() {
    let device = Device::flex().autodiff();
    let ids_bs = Tensor::<2, Int>::from_ints([[1, 2, 3]], &device);
    let states = |bert: Bert| {
        let mask_bs = ids_bs.clone().greater_elem(0);
        bert.hidden_states(ids_bs.clone(), mask_bs, 2)
            .expect("a pass")
    };
    assert!(states(bert(&device)).is_tracked());
    assert!(!states(bert(&device).no_grad()).is_tracked());
}
