//! Strategies: from logits to an assignment.

mod expert_choice;
mod hard_top_k;
mod hash;
mod random;
mod soft_top_k;
mod top1;

use burn::tensor::Device;

pub use expert_choice::{ExpertChoice, ExpertChoiceConfig, Group};
pub use hard_top_k::{HardTopK, HardTopKConfig};
pub use hash::{Hash, HashConfig};
pub use random::{Random, RandomConfig};
pub use soft_top_k::{SoftTopK, SoftTopKConfig};
pub use top1::{Top1, Top1Config};

use crate::{Assignment, RouteInput, RouterDims, RouterError, Scores};

/// The rule that turns scores into an assignment.
pub trait Assign {
    /// Assigns tokens to experts. `scores` is present exactly when the strategy's
    /// [`StrategyFacts::needs_scores`] says so.
    fn assign(&self, scores: Option<&Scores>, input: &RouteInput) -> Assignment;
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
    /// A token's assignment never depends on a later token.
    pub causal: bool,
    /// It decides how many tokens an expert gets, so that nothing is ever dropped by the layer.
    pub owns_capacity: bool,
}

impl StrategyFacts {
    /// Looks at logits, learns through its gates, never looks ahead.
    pub const LEARNED: Self = Self {
        needs_scores: true,
        gate_gradient: true,
        causal: true,
        owns_capacity: false,
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

    /// Checks that it can be built with these sizes.
    fn check(&self, dims: &RouterDims) -> Result<(), RouterError>;

    /// Builds it for sizes that [`check`](Self::check) accepts.
    fn init(&self, dims: &RouterDims, device: &Device) -> Self::Strategy;
}

/// Refuses more experts per token than there are, or none.
fn check_top_k(what: &'static str, k: usize, experts: usize) -> Result<(), RouterError> {
    if k == 0 || k > experts {
        return Err(RouterError::TopK { what, k, experts });
    }
    Ok(())
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

        impl $crate::Assign for $modules {
            fn assign(
                &self,
                scores: Option<&$crate::Scores>,
                input: &$crate::RouteInput,
            ) -> $crate::Assignment {
                match self { $(Self::$name(strategy) => strategy.assign(scores, input),)+ }
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
        Top1(Top1Config => Top1) = "top1",
        /// The k best experts with equal weights, trained through a straight-through estimator.
        HardTopK(HardTopKConfig => HardTopK) = "hard-top-k" | "topk-hard",
        /// The k best experts, weighted by their renormalised probabilities.
        SoftTopK(SoftTopKConfig => SoftTopK) = "soft-top-k" | "softk",
        /// A fixed balanced table over token ids.
        Hash(HashConfig => Hash) = "hash",
        /// Each expert takes the tokens that want it most.
        ExpertChoice(ExpertChoiceConfig => ExpertChoice) = "expert-choice",
        /// Uniformly random experts, the control.
        Random(RandomConfig => Random) = "random",
    }
}

impl Default for StrategyConfig {
    fn default() -> Self {
        SoftTopKConfig::default().into()
    }
}
