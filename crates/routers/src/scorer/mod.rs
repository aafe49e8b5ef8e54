//! Scorers: from a hidden state to one logit per expert ("router architecture" in the papers).

mod linear;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};

pub use linear::{LinearConfig, LinearScorer};

use crate::RouterDims;

/// A module that gives one logit per expert.
pub trait Score {
    /// # Shapes
    ///
    /// `x_td` `[T, D]` to logits `[T, E]`.
    fn score(&self, x_td: Tensor<2>) -> Tensor<2>;
}

/// The configuration of a scorer: sizes and initialisation.
pub trait ScoreConfig {
    /// What it builds.
    type Scorer: Score;

    /// Learned parameters, known before the scorer is built.
    fn num_params(&self, dims: &RouterDims) -> usize;

    /// Builds the scorer.
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

        impl Score for Scorer {
            fn score(&self, x_td: Tensor<2>) -> Tensor<2> {
                match self { $(Self::$name(scorer) => scorer.score(x_td),)+ }
            }
        }

        impl ScoreConfig for ScorerConfig {
            type Scorer = Scorer;

            fn num_params(&self, dims: &RouterDims) -> usize {
                match self { $(Self::$name(config) => config.num_params(dims),)+ }
            }

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
}

impl Default for ScorerConfig {
    fn default() -> Self {
        LinearConfig::default().into()
    }
}
