//! What makes a folder no model, and a request one that the model cannot answer.

use weights::WeightsError;

/// What makes a folder no model, and a request one that the model cannot answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BertError {
    /// The files of a model are missing, damaged, or not those of one.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A layer that the model does not have.
    #[error("no {what} {layer}: the model has {layers} layers, so it must be from 0 to {most}")]
    Layer {
        /// `hidden state` or `feed-forward network`.
        what: &'static str,
        /// What was asked for.
        layer: usize,
        /// L.
        layers: usize,
        /// The largest that there is.
        most: usize,
    },
    /// The feed-forward network of a layer has been replaced.
    #[error(
        "layer {layer} has a mixture of experts in place of its feed-forward network: take the \
         experts before it is replaced"
    )]
    Replaced {
        /// The layer.
        layer: usize,
    },
    /// A bank without experts was asked for.
    #[error("a bank must have at least 1 expert, got 0")]
    NoExperts,
    /// The input does not fit the model.
    #[error("{problem}")]
    Input {
        /// What does not fit, what was expected, and the remedy.
        problem: String,
    },
}

impl BertError {
    /// Whether files are absent (and not wrong).
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Weights(error) if error.is_missing())
    }
}
