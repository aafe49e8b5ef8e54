//! What makes a folder no Qwen2-MoE.

use routers::RouterError;
use weights::WeightsError;

/// What makes a folder no Qwen2-MoE.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QwenError {
    /// The files of weights are missing, damaged, or not those of the configuration.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A router cannot be built of its sizes.
    #[error(transparent)]
    Router(#[from] RouterError),
}
