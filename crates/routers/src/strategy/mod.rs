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
mod rules;
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
pub use rules::{StrategyFacts, StrategyRules};
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

use crate::{Assignment, AuxiliaryLoss, Defined, RouteInput, RouterDims, Scores, StepLoad};

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

/// The configuration of a strategy, or of a family of them.
pub trait AssignConfig {
    /// What it builds.
    type Strategy: Assign;

    /// Builds it for sizes that [`check`](StrategyRules::check) accepts.
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

        impl $family {
            /// What the member says before it is built.
            #[must_use]
            $vis fn rules(&self) -> &dyn $crate::StrategyRules {
                match self { $(Self::$name(config) => config,)+ }
            }
        }

        impl $crate::AssignConfig for $family {
            type Strategy = $modules;

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
