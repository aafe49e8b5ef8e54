//! Strategies: from logits to an assignment.

mod adaptive;
mod as_published;
mod dense;
mod expert_choice;
mod hard_top_k;
mod hash;
mod lsh;
mod noisy_top_k;
mod position_hash;
mod random;
mod relu;
mod sigmoid_top_k;
mod sinkhorn;
mod soft_moe;
mod soft_top_k;
mod switches;
mod table;
mod top1;
mod top_k;
mod top_p;
mod uniform;

use burn::tensor::Device;

use adaptive::Adaptive;
pub use as_published::{
    ExpertChoiceAsPublished, ExpertChoiceAsPublishedConfig, HardTopKAsPublishedConfig,
    HashAsPublished, HashAsPublishedConfig, SoftTopKAsPublished, SoftTopKAsPublishedConfig,
    Top1AsPublishedConfig, UnitGates,
};
pub use dense::{Dense, DenseConfig};
pub use expert_choice::{ExpertChoice, ExpertChoiceConfig, Group};
pub use hard_top_k::HardTopKConfig;
pub use hash::{Hash, HashConfig, HashTable};
pub use lsh::{Lsh, LshConfig};
pub use noisy_top_k::{NoisyTopK, NoisyTopKConfig};
pub use position_hash::{PositionHash, PositionHashConfig};
pub use random::{Random, RandomConfig};
pub use relu::{Relu, ReluConfig};
pub use sigmoid_top_k::{SigmoidTopK, SigmoidTopKConfig};
pub use sinkhorn::{Sinkhorn, SinkhornConfig};
pub use soft_moe::{SoftMoe, SoftMoeConfig};
pub use soft_top_k::SoftTopKConfig;
pub use switches::Switches;
pub use top_k::TopK;
use top_k::{check_top_k, picked};
pub use top_p::{BudgetConfig, TopP, TopPConfig};
pub use top1::Top1Config;
pub use uniform::{Uniform, UniformConfig};

use crate::{
    Assignment, AuxiliaryLoss, Defined, GateRule, RouteInput, RouterDims, RouterError, Scores,
    StepLoad,
};

/// The rule that turns scores into an assignment.
pub trait Assign {
    /// Assigns tokens to experts. `scores` is present exactly when the strategy's
    /// [`StrategyFacts::needs_scores`] says so.
    fn assign(&self, scores: Option<&Scores>, input: &RouteInput) -> Assignment;

    /// Which measures its decisions have, where they are scored and a token has several choices.
    fn defined(&self) -> Defined {
        Defined::ALL
    }

    /// Losses of its own, weighted, in a pass of training.
    fn losses(
        &self,
        scores: Option<&Scores>,
        assignment: &Assignment,
        input: &RouteInput,
    ) -> Vec<AuxiliaryLoss> {
        let _ = (scores, assignment, input);
        Vec::new()
    }

    /// Adapts what is not learned by gradient, after a step of training.
    #[must_use]
    fn adapt(self, step: &StepLoad) -> Self
    where
        Self: Sized,
    {
        let _ = step;
        self
    }
}

/// What is known of a strategy before it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent facts, each with its own reader"
)]
pub struct StrategyFacts {
    /// It looks at the scorer's logits; otherwise no scorer is built.
    pub needs_scores: bool,
    /// The gradient of the task's loss reaches the scorer through the gates.
    pub gate_gradient: bool,
    /// A token's assignment never depends on a later token, in training or outside it; see
    /// [`AssignConfig::is_causal`] for one of the two.
    pub causal: bool,
    /// It chooses experts by [`Scores::preference`], so that a bias on the choice works.
    pub takes_bias: bool,
}

impl StrategyFacts {
    /// Looks at logits, learns through its gates, never looks ahead.
    pub const LEARNED: Self = Self {
        needs_scores: true,
        gate_gradient: true,
        causal: true,
        takes_bias: false,
    };

    /// Learned, and every token picks its experts by preference.
    pub const PICKS: Self = Self {
        takes_bias: true,
        ..Self::LEARNED
    };

    /// Looks at nothing that is learned, and never looks ahead.
    pub const FIXED: Self = Self {
        needs_scores: false,
        gate_gradient: false,
        ..Self::LEARNED
    };
}

/// The configuration of a strategy.
pub trait AssignConfig {
    /// What it builds.
    type Strategy: Assign;

    /// What is known before it is built.
    fn facts(&self) -> StrategyFacts;

    /// Experts per token that it really uses when the sweep asks for `k`.
    fn top_k(&self, k: usize) -> usize {
        k
    }

    /// Whether a token's assignment depends on no later token, in passes of training or outside.
    fn is_causal(&self, training: bool) -> bool {
        let _ = training;
        self.facts().causal
    }

    /// The most experts that one token chooses when the sweep asks for `k`.
    fn most_choices(&self, k: usize, experts: usize) -> usize {
        let _ = experts;
        self.top_k(k)
    }

    /// Rows of experts that a token has on average before drops, in sequences of `sequence` tokens:
    /// its arithmetic in units of one expert's. Where the number varies by token, the `k` that is
    /// aimed for. `dims` has the `k` that the sweep asks for.
    fn rows_per_token(&self, dims: &RouterDims, sequence: usize) -> f64 {
        let _ = sequence;
        self.top_k(dims.top_k) as f64
    }

    /// Multiplications and additions of one token beside the scorer's and the experts', 2 for each
    /// pair of them in a product of matrices; `dims` has its own `k`.
    fn flops(&self, dims: &RouterDims) -> usize {
        let _ = dims;
        0
    }

    /// Rows that each expert gets in a batch of `tokens` in `sequences`, where the strategy decides that and
    /// the layer drops nothing after it; `dims` has its own `k`.
    fn own_capacity(&self, dims: &RouterDims, tokens: usize, sequences: usize) -> Option<usize> {
        let _ = (dims, tokens, sequences);
        None
    }

    /// Whether it decides how many rows an expert gets.
    fn owns_capacity(&self) -> bool {
        self.own_capacity(&RouterDims::LEAST, 1, 1).is_some()
    }

    /// Learned parameters of its own, known before it is built.
    fn num_params(&self, dims: &RouterDims) -> usize {
        let _ = dims;
        0
    }

    /// Score function and gate rule where the router names no others, for its own `k`.
    fn switches(&self, k: usize) -> Switches {
        let _ = k;
        Switches::softmax(GateRule::Raw)
    }

    /// Why it cannot have these switches, for its own `k`. Those of [`switches`](Self::switches) fit.
    fn fits(&self, switches: &Switches, k: usize) -> Result<(), &'static str> {
        if *switches == self.switches(k) {
            Ok(())
        } else {
            Err("it makes no choice by score, or its gates are its own")
        }
    }

    /// Checks that it can be built with these sizes.
    fn check(&self, dims: &RouterDims) -> Result<(), RouterError>;

    /// Builds it for sizes that [`check`](Self::check) accepts.
    fn init(&self, dims: &RouterDims, device: &Device) -> Self::Strategy;
}

/// Declares a family of strategies: the configuration enum, the module enum and their dispatch.
///
/// The product's own list is at the end of `strategy/mod.rs`; a crate with strategies of its own
/// can make another, as `tests/own_strategy.rs` does.
#[macro_export]
macro_rules! strategies {
    (
        $vis:vis $family:ident => $modules:ident {
            $($(#[doc = $doc:literal])+ $name:ident($config:ty => $strategy:ty) = $text:literal $(| $alias:literal)*,)+
        }
    ) => {
        $crate::__private::registry::family! {
            /// The configuration of a strategy.
            $vis enum $family: "strategy" {
                $($(#[doc = $doc])+ $name($config) = $text $(| $alias)*,)+
            }
        }

        /// A strategy, ready to assign.
        #[derive($crate::__private::burn::module::Module, Debug)]
        $vis enum $modules {
            $($(#[doc = $doc])+ $name($strategy),)+
        }

        impl $modules {
            /// The name in TOML.
            #[must_use]
            $vis const fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => $text,)+ }
            }
        }

        impl $crate::Assign for $modules {
            fn assign(
                &self,
                scores: Option<&$crate::Scores>,
                input: &$crate::RouteInput,
            ) -> $crate::Assignment {
                match self { $(Self::$name(strategy) => strategy.assign(scores, input),)+ }
            }

            fn defined(&self) -> $crate::Defined {
                match self { $(Self::$name(strategy) => strategy.defined(),)+ }
            }

            fn losses(
                &self,
                scores: Option<&$crate::Scores>,
                assignment: &$crate::Assignment,
                input: &$crate::RouteInput,
            ) -> Vec<$crate::AuxiliaryLoss> {
                match self {
                    $(Self::$name(strategy) => strategy.losses(scores, assignment, input),)+
                }
            }

            fn adapt(self, step: &$crate::StepLoad) -> Self {
                match self { $(Self::$name(strategy) => Self::$name(strategy.adapt(step)),)+ }
            }
        }

        impl $crate::AssignConfig for $family {
            type Strategy = $modules;

            fn facts(&self) -> $crate::StrategyFacts {
                match self { $(Self::$name(config) => config.facts(),)+ }
            }

            fn top_k(&self, k: usize) -> usize {
                match self { $(Self::$name(config) => config.top_k(k),)+ }
            }

            fn is_causal(&self, training: bool) -> bool {
                match self { $(Self::$name(config) => config.is_causal(training),)+ }
            }

            fn most_choices(&self, k: usize, experts: usize) -> usize {
                match self { $(Self::$name(config) => config.most_choices(k, experts),)+ }
            }

            fn rows_per_token(&self, dims: &$crate::RouterDims, sequence: usize) -> f64 {
                match self { $(Self::$name(config) => config.rows_per_token(dims, sequence),)+ }
            }

            fn flops(&self, dims: &$crate::RouterDims) -> usize {
                match self { $(Self::$name(config) => config.flops(dims),)+ }
            }

            fn own_capacity(
                &self,
                dims: &$crate::RouterDims,
                tokens: usize,
                sequences: usize,
            ) -> Option<usize> {
                match self {
                    $(Self::$name(config) => config.own_capacity(dims, tokens, sequences),)+
                }
            }

            fn num_params(&self, dims: &$crate::RouterDims) -> usize {
                match self { $(Self::$name(config) => config.num_params(dims),)+ }
            }

            fn switches(&self, k: usize) -> $crate::Switches {
                match self { $(Self::$name(config) => config.switches(k),)+ }
            }

            fn fits(&self, switches: &$crate::Switches, k: usize) -> Result<(), &'static str> {
                match self { $(Self::$name(config) => config.fits(switches, k),)+ }
            }

            fn check(&self, dims: &$crate::RouterDims) -> Result<(), $crate::RouterError> {
                match self { $(Self::$name(config) => config.check(dims),)+ }
            }

            fn init(
                &self,
                dims: &$crate::RouterDims,
                device: &$crate::__private::burn::tensor::Device,
            ) -> $modules {
                match self { $(Self::$name(config) => $modules::$name(config.init(dims, device)),)+ }
            }
        }
    };
}

// The only list of strategies.
strategies! {
    pub StrategyConfig => Strategy {
        /// Each token's best expert, scaled by its probability.
        Top1(Top1Config => TopK) = "top1",
        /// The k best experts with equal weights, trained through a straight-through estimator.
        HardTopK(HardTopKConfig => TopK) = "hard-top-k" | "topk-hard",
        /// The k best experts, weighted by their renormalised probabilities.
        SoftTopK(SoftTopKConfig => TopK) = "soft-top-k" | "softk",
        /// A fixed balanced table over token ids.
        Hash(HashConfig => Hash) = "hash",
        /// Each expert takes the tokens that want it most.
        ExpertChoice(ExpertChoiceConfig => ExpertChoice) = "expert-choice",
        /// A fixed balanced table over places in the sequence.
        PositionHash(PositionHashConfig => PositionHash) = "position-hash",
        /// Hidden states on the same sides of random hyperplanes go to the same experts.
        Lsh(LshConfig => Lsh) = "lsh",
        /// The k best experts by logits with learned noise.
        NoisyTopK(NoisyTopKConfig => NoisyTopK) = "noisy-top-k",
        /// The k best experts by sigmoid scores, among the best groups if asked.
        SigmoidTopK(SigmoidTopKConfig => SigmoidTopK) = "sigmoid-top-k",
        /// The fewest best experts that together have a given probability.
        TopP(TopPConfig => TopP) = "top-p",
        /// The k best experts after balancing the batch, in training.
        Sinkhorn(SinkhornConfig => Sinkhorn) = "sinkhorn",
        /// Every expert with a positive logit.
        Relu(ReluConfig => Relu) = "relu",
        /// Every expert works on mixtures of a sequence's tokens.
        SoftMoe(SoftMoeConfig => SoftMoe) = "soft-moe",
        /// All experts, weighted by their probabilities.
        Dense(DenseConfig => Dense) = "dense",
        /// All experts with equal weights, a control.
        Uniform(UniformConfig => Uniform) = "uniform",
        /// Uniformly random experts, the control.
        Random(RandomConfig => Random) = "random",
        /// MoE Routing Bench's top-1: the gate is 1, and the router does not learn.
        Top1AsPublished(Top1AsPublishedConfig => UnitGates) = "top1-as-published",
        /// MoE Routing Bench's hard top-k: gates are 1, and the router does not learn.
        HardTopKAsPublished(HardTopKAsPublishedConfig => UnitGates) = "topk-hard-as-published",
        /// MoE Routing Bench's soft top-k: with k = 1 the gate is 1, and the router does not learn.
        SoftTopKAsPublished(SoftTopKAsPublishedConfig => SoftTopKAsPublished) = "softk-as-published",
        /// MoE Routing Bench's hash, of the place in the batch.
        HashAsPublished(HashAsPublishedConfig => HashAsPublished) = "hash-as-published",
        /// MoE Routing Bench's expert choice: at most 64 tokens an expert, soft top-k for the rest.
        ExpertChoiceAsPublished(ExpertChoiceAsPublishedConfig => ExpertChoiceAsPublished) = "expert-choice-as-published",
    }
}

impl Default for StrategyConfig {
    fn default() -> Self {
        SoftTopKConfig::default().into()
    }
}
