//! What makes a folder no Qwen2-MoE.

use std::path::PathBuf;

use routers::RouterError;
use weights::WeightsError;

/// What makes a folder no Qwen2-MoE.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QwenError {
    /// The files of weights are missing, damaged, or not those of the configuration.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// `config.json` is not that of a model that this crate computes.
    #[error(
        "{path:?}: {problem}; expected the config.json of a Qwen2-MoE (`model_type` qwen2_moe)"
    )]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The configuration has more layers than the files, which need not be listed one by one.
    #[error(
        "config.json in {folder:?} has `num_hidden_layers` = {layers}, and the weights hold {stored} \
         layers; make sure that all files come from one model and are complete, and fetch or \
         convert them again"
    )]
    Depth {
        /// The folder.
        folder: PathBuf,
        /// L of the configuration.
        layers: usize,
        /// Layers of which some tensor is there.
        stored: usize,
    },
    /// A router cannot be built of its sizes.
    #[error(transparent)]
    Router(#[from] RouterError),
}
