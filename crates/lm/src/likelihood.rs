//! How likely a model finds each token.

use crate::{LmForward, TokenBatch};

/// The negative log-likelihood of each target in nats, row by row, on the host.
#[must_use]
pub fn token_losses(forward: &LmForward, batch: &TokenBatch) -> Vec<f64> {
    let losses_t = forward.losses(batch.targets_t(&forward.logits.device()));
    losses_t.into_data().iter::<f32>().map(f64::from).collect()
}
