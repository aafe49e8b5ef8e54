//! Scorers: from a hidden state to one logit per expert ("router architecture" in the papers).

mod calibrate;
mod linear;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};

pub(crate) use calibrate::with_logit_std;
pub use linear::{LinearConfig, LinearScorer};

use crate::{AuxiliaryLoss, RouteInput, RouterDims};

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

/// The configuration of a scorer: sizes and initialisation.
pub trait ScoreConfig {
    /// What it builds.
    type Scorer: Score;

    /// Learned parameters, known before the scorer is built.
    fn num_params(&self, dims: &RouterDims) -> usize;

    /// Arithmetic of one token's logits, known before the scorer is built: two operations for a
    /// multiplication and addition of a matrix product, one for each other operation on a value.
    fn flops(&self, dims: &RouterDims) -> usize;

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

            fn scaled(self, factor: f64) -> Self {
                match self { $(Self::$name(scorer) => Self::$name(scorer.scaled(factor)),)+ }
            }

            fn losses(&self, input: &RouteInput) -> Vec<AuxiliaryLoss> {
                match self { $(Self::$name(scorer) => scorer.losses(input),)+ }
            }
        }

        impl ScoreConfig for ScorerConfig {
            type Scorer = Scorer;

            fn num_params(&self, dims: &RouterDims) -> usize {
                match self { $(Self::$name(config) => config.num_params(dims),)+ }
            }

            fn flops(&self, dims: &RouterDims) -> usize {
                match self { $(Self::$name(config) => config.flops(dims),)+ }
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
