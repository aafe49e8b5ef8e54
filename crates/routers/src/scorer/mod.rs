//! Scorers: from a hidden state to one logit per expert ("router architecture" in the papers).

mod attention;
mod calibrate;
mod cosine;
mod hadamard;
mod hybrid;
mod info_nce;
mod linear;
mod mlp;
mod mlp_hadamard;
mod parts;
mod self_supervised;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use nn::{Linear, LinearDims};

pub use attention::{AttentionConfig, AttentionScorer, CentroidInit};
pub(crate) use calibrate::with_logit_std;
pub use cosine::{CosineConfig, CosineScorer};
pub use hadamard::{HadamardConfig, HadamardScorer};
pub use hybrid::{HybridConfig, HybridScorer, Mix, MixWeights};
pub use linear::{LinearConfig, LinearScorer};
pub use mlp::{MlpConfig, MlpScorer};
pub use mlp_hadamard::{Interaction, MlpHadamardConfig, MlpHadamardScorer};
pub use self_supervised::{ExtractorTraining, SelfSupervisedConfig, SelfSupervisedScorer};

use crate::{AuxiliaryLoss, RouteInput, RouterDims, RouterError};

/// A module that gives one logit per expert.
pub trait Score {
    /// # Shapes
    ///
    /// `x_td` `[T, D]` to logits `[T, E]`.
    fn score(&self, x_td: Tensor<2>) -> Tensor<2>;

    /// The same scorer with logits `factor` times as large at initialisation.
    #[must_use]
    fn scaled(self, factor: f64) -> Self;

    /// Losses of its own, weighted, in a pass of training.
    fn losses(&self, input: &RouteInput) -> Vec<AuxiliaryLoss> {
        let _ = input;
        Vec::new()
    }
}

/// What the configuration of a scorer says of it before it is built.
pub trait ScorerRules {
    /// Checks that it can be built with these sizes.
    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        let _ = dims;
        Ok(())
    }

    /// Learned parameters, known before the scorer is built.
    fn num_params(&self, dims: &RouterDims) -> usize;

    /// Arithmetic of one token's logits, known before the scorer is built: two operations for a
    /// multiplication and addition of a matrix product, one for each other operation on a value.
    fn flops(&self, dims: &RouterDims) -> usize;
}

/// The configuration of a scorer, or of the family: sizes and initialisation.
pub trait ScoreConfig {
    /// What it builds.
    type Scorer: Score;

    /// Builds the scorer for sizes that [`check`](ScorerRules::check) accepts.
    fn init(&self, dims: &RouterDims, device: &Device) -> Self::Scorer;
}

macro_rules! scorers {
    ($($(#[doc = $doc:literal])+ $name:ident($config:ty => $scorer:ty) = $text:literal,)+) => {
        registry::family! {
            /// The configuration of a scorer.
            pub enum ScorerConfig: "scorer" {
                $($(#[doc = $doc])+ $name($config) = $text,)+
            }
        }

        /// A scorer with its parameters.
        #[derive(Module, Debug)]
        pub enum Scorer {
            $($(#[doc = $doc])+ $name($scorer),)+
        }

        impl Scorer {
            /// The name in TOML.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => $text,)+ }
            }
        }

        impl Score for Scorer {
            fn score(&self, x_td: Tensor<2>) -> Tensor<2> {
                match self { $(Self::$name(scorer) => scorer.score(x_td),)+ }
            }

            fn scaled(self, factor: f64) -> Self {
                match self { $(Self::$name(scorer) => Self::$name(scorer.scaled(factor)),)+ }
            }

            fn losses(&self, input: &RouteInput) -> Vec<AuxiliaryLoss> {
                match self { $(Self::$name(scorer) => scorer.losses(input),)+ }
            }
        }

        impl ScorerConfig {
            /// What the member says before it is built.
            #[must_use]
            pub fn rules(&self) -> &dyn ScorerRules {
                match self { $(Self::$name(config) => config,)+ }
            }
        }

        impl ScoreConfig for ScorerConfig {
            type Scorer = Scorer;

            fn init(&self, dims: &RouterDims, device: &Device) -> Scorer {
                match self { $(Self::$name(config) => Scorer::$name(config.init(dims, device)),)+ }
            }
        }
    };
}

// The only list of scorers.
scorers! {
    /// One linear map of the hidden state.
    Linear(LinearConfig => LinearScorer) = "linear",
    /// Queries against learned expert keys.
    Attention(AttentionConfig => AttentionScorer) = "attention",
    /// One hidden layer.
    Mlp(MlpConfig => MlpScorer) = "mlp",
    /// A mixture of the linear and the attention scorer.
    Hybrid(HybridConfig => HybridScorer) = "hybrid",
    /// A hidden layer whose values interact with the hidden state, or with each other.
    MlpHadamard(MlpHadamardConfig => MlpHadamardScorer) = "mlp-hadamard",
    /// Rows of a Hadamard matrix, and nothing learned.
    Hadamard(HadamardConfig => HadamardScorer) = "hadamard",
    /// Cosines with expert embeddings in a space of low dimension.
    Cosine(CosineConfig => CosineScorer) = "cosine",
    /// Features that are learned by telling tokens apart.
    SelfSupervised(SelfSupervisedConfig => SelfSupervisedScorer) = "self-supervised",
}

impl ScorerConfig {
    /// The sizes of the scorer's [named map](Scorer::named_map_mut), where it has one.
    #[must_use]
    pub const fn named_map(&self, dims: &RouterDims) -> Option<(&'static str, LinearDims)> {
        match self {
            Self::Linear(config) => Some(("", config.map(dims))),
            Self::Attention(config) => Some((".query_proj", config.query_proj(dims))),
            _ => None,
        }
    }
}

impl Scorer {
    /// The map that adapters know by name, and what follows the name of the router in it: a linear scorer's own
    /// (nothing), or an attention scorer's queries (`.query_proj`), which Harvey et al. 2025 put a low-rank delta on.
    #[must_use]
    pub const fn named_map_mut(&mut self) -> Option<(&'static str, &mut Linear)> {
        match self {
            Self::Linear(scorer) => Some(("", scorer.map_mut())),
            Self::Attention(scorer) => Some((".query_proj", scorer.query_mut())),
            _ => None,
        }
    }
}

impl Default for ScorerConfig {
    fn default() -> Self {
        LinearConfig::default().into()
    }
}
