//! Dropout whose draws follow from the seed of a pass.

use burn::{
    nn::Dropout,
    tensor::{Device, Tensor},
};
use kernels::{SeededDropout, dropout};

/// Where a pass drops values: each place draws its own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Embedding = 1,
    AttentionWeights,
    Attention,
    Experts,
}

/// The dropout of a place in this pass, or none where it would keep everything: outside training, in
/// a frozen model, with a probability of 0.
pub(crate) fn in_training(
    module: &Dropout,
    place: Place,
    seed: u64,
    device: &Device,
) -> Option<SeededDropout> {
    let drops = module.training.is_enabled() && device.is_autodiff() && module.prob > 0.0;
    drops.then(|| SeededDropout::new(module.prob, seed.wrapping_add(place as u64)))
}

/// Drops values of `x` in training.
pub(crate) fn drop_in_training<const D: usize>(
    module: &Dropout,
    place: Place,
    seed: u64,
    x: Tensor<D>,
) -> Tensor<D> {
    match in_training(module, place, seed, &x.device()) {
        Some(drops) => dropout(x, drops),
        None => x,
    }
}
