//! A language model before it is built.

use std::sync::Arc;

use burn::tensor::Device;
use moe_layer::{LayerDims, MoeConfig};
use routers::{RouterConfig, RouterError};

use crate::CausalLm;

/// What comes from the data, and the trial's seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDims {
    /// V: number of token ids.
    pub vocab: usize,
    /// S: the longest sequence.
    pub sequence: usize,
    /// How often each token id stands in the training text; all alike where it is not known.
    pub token_counts: Option<Arc<[u64]>>,
    /// The trial's seed, from which the tables of strategies follow. Parameters are drawn from the
    /// device's generator.
    pub seed: u64,
}

impl DataDims {
    /// Of text whose tokens are all alike frequent, and the seed 0.
    #[must_use]
    pub const fn new(vocab: usize, sequence: usize) -> Self {
        Self {
            vocab,
            sequence,
            token_counts: None,
            seed: 0,
        }
    }

    /// The same for a mixture of this width.
    #[must_use]
    pub fn of_layer(&self, width: usize) -> LayerDims {
        LayerDims {
            width,
            vocab: self.vocab,
            token_counts: self.token_counts.clone(),
            seed: self.seed,
        }
    }
}

/// Parameters of a model, known before it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LmSizes {
    /// All of them.
    pub total: usize,
    /// Those that one token meets; of each table of embeddings one row.
    pub active: usize,
    /// Those of all routers.
    pub router: usize,
}

/// What makes a model impossible to build.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The heads do not share the width evenly.
    #[error("{model}: {problem}")]
    Heads {
        /// The model.
        model: &'static str,
        /// What is wrong, with the numbers.
        problem: String,
    },
    /// Layers that have a k each are not as many as the model has.
    #[error("k-by-layer has {got} budgets, and the model {layers} layers")]
    Budgets {
        /// Layers of the model.
        layers: usize,
        /// Budgets that were given.
        got: usize,
    },
    /// The router refused.
    #[error(transparent)]
    Router(#[from] RouterError),
}

/// What is known of a language model before it is built, mixtures and routers apart.
pub trait LmShape {
    /// D: width of the hidden state.
    fn width(&self) -> usize;

    /// L: how many layers with a mixture.
    fn layers(&self) -> usize;

    /// Its parameters, known before it is built.
    fn sizes(&self, moe: &MoeConfig, router: &RouterConfig, dims: &DataDims) -> LmSizes;

    /// Multiplications and additions of one token's forward pass, 2 for each pair of them in a product
    /// of matrices, with `rows` expert rows in each layer. Embeddings, biases, norms, activations and
    /// softmaxes are left out; attention is over the mean length `(S + 1) / 2`.
    fn flops_per_token(
        &self,
        moe: &MoeConfig,
        router: &RouterConfig,
        dims: &DataDims,
        rows: f64,
    ) -> f64;
}

/// The configuration of a language model, mixtures and routers apart.
pub trait LmConfig: LmShape {
    /// What it builds.
    type Model: CausalLm;

    /// Builds the model, its parameters drawn from the device's generator.
    ///
    /// # Errors
    ///
    /// Heads that do not share the width; what the router refuses.
    fn build(
        &self,
        moe: &MoeConfig,
        router: &RouterConfig,
        dims: &DataDims,
        device: &Device,
    ) -> Result<Self::Model, BuildError>;
}
