//! Dropout whose draws follow from the seed of a pass.

use burn::{nn::Dropout, tensor::Device};
use kernels::SeededDropout;

/// The dropout of this module in this pass, or none where it would keep everything: outside training,
/// in a frozen model, with a probability of 0.
pub(crate) fn dropout_in_training(
    module: &Dropout,
    seed: u64,
    device: &Device,
) -> Option<SeededDropout> {
    let drops = module.training.is_enabled() && device.is_autodiff() && module.prob > 0.0;
    drops.then(|| SeededDropout::new(module.prob, seed))
}
