//! Balancers: what keeps the load even.

mod bias;
mod counts_as_published;
mod gshard;
mod hadamard_orthogonality;
mod importance;
mod squared_importance;
mod step_memory;
mod switch;
mod switch_unscaled;
mod z_loss;

use burn::tensor::Tensor;

pub use bias::{BiasConfig, SelectionBias};
pub use counts_as_published::CountsAsPublishedConfig;
pub use gshard::GshardConfig;
pub use hadamard_orthogonality::HadamardOrthogonalityConfig;
pub use importance::ImportanceConfig;
pub use squared_importance::SquaredImportanceConfig;
pub use step_memory::StepMemory;
pub use switch::{Scope, SwitchConfig};
pub use switch_unscaled::SwitchUnscaledConfig;
pub use z_loss::ZLossConfig;

use crate::{Assignment, RouteInput, Scores, Sequences};

/// A named auxiliary loss, already weighted.
#[derive(Debug, Clone)]
pub struct AuxiliaryLoss {
    /// What it is called in results: the name of the balancer, or its own.
    pub name: &'static str,
    /// The weighted loss `[1]`.
    pub value: Tensor<1>,
}

/// What a balancer may look at: a decision, and what it was made from.
#[derive(Debug, Clone)]
pub struct BalanceInput<'a> {
    /// What the tokens were scored.
    pub scores: &'a Scores,
    /// Who goes where.
    pub assignment: &'a Assignment,
    /// What the router looked at.
    pub route: &'a RouteInput,
    /// Load `[E]` that stands for the other micro-batches of the step, where a balancer
    /// [counts steps](Balance::counts_steps).
    pub others_e: Option<Tensor<1>>,
}

/// What keeps the load even: a loss over one routing decision, or a bias on the choice.
pub trait Balance {
    /// The weighted loss `[1]`, differentiable in the scores; `None` where it works otherwise.
    fn loss(&self, input: &BalanceInput<'_>) -> Option<Tensor<1>>;

    /// The weighted loss `[1]` of the load that is kept after drops, where it wants that one; `kept`
    /// counts it `[E]`.
    fn loss_after_drops(&self, kept: &dyn Fn() -> Tensor<1>) -> Option<Tensor<1>> {
        let _ = kept;
        None
    }

    /// What its loss is called in results, where not by its own name.
    fn loss_name(&self) -> Option<&'static str> {
        None
    }

    /// Whether it wants to know the load of the step's other micro-batches.
    fn counts_steps(&self) -> bool {
        false
    }

    /// The bias on the choice of experts, where that is how it works.
    fn selection_bias(&self) -> Option<&BiasConfig> {
        None
    }
}

macro_rules! balancers {
    ($($(#[doc = $doc:literal])+ $name:ident($config:ty) = $text:literal,)+) => {
        registry::family! {
            /// The configuration of a balancer.
            pub enum BalancerConfig: "balancer" {
                $($(#[doc = $doc])+ $name($config) = $text,)+
            }
        }

        impl BalancerConfig {
            /// What the member does.
            #[must_use]
            pub fn rules(&self) -> &dyn Balance {
                match self { $(Self::$name(config) => config,)+ }
            }

            /// What its loss is called in results.
            #[must_use]
            pub fn loss_name(&self) -> &'static str {
                self.rules().loss_name().unwrap_or(self.name())
            }
        }
    };
}

// The only list of balancers. The loss of each has its rows in `losses.parquet`.
balancers! {
    /// The Switch Transformer's product of load and mean probability.
    Switch(SwitchConfig) = "switch",
    /// Optimizing MoE Routers, equation 17: the same without the factor E.
    SwitchUnscaled(SwitchUnscaledConfig) = "switch-unscaled",
    /// Optimizing MoE Routers, equation 18: the squared mean probability.
    SquaredImportance(SquaredImportanceConfig) = "squared-importance",
    /// GShard's product of first choices and mean probability, in groups.
    Gshard(GshardConfig) = "gshard",
    /// Shazeer's squared variation of the summed gates.
    Importance(ImportanceConfig) = "importance",
    /// The router z-loss, which keeps logits small.
    ZLoss(ZLossConfig) = "z-loss",
    /// Optimizing MoE Routers' orthogonality regulariser after a Hadamard matrix.
    HadamardOrthogonality(HadamardOrthogonalityConfig) = "hadamard-orthogonality",
    /// MoE Routing Bench's auxiliary term over counts, which trains nothing.
    CountsAsPublished(CountsAsPublishedConfig) = "counts-as-published",
    /// A bias on the choice of experts, moved after every step.
    Bias(BiasConfig) = "bias",
}

/// Mean probability of each expert over the tokens `[E]`.
fn mean_probability(scores: &Scores) -> Tensor<1> {
    scores.probs_te.clone().mean_dim(0).squeeze_dim(0)
}

/// Mean probability of each expert over the tokens of each group `[G, E]`.
fn mean_probabilities(scores: &Scores, groups: &Sequences) -> Tensor<2> {
    groups.map_runs(0, |run| run.of(&scores.probs_te).mean_dim(1).squeeze_dim(1))
}

/// A load `[E]` as shares of its sum; zeros where there is none.
fn load_shares(load_e: Tensor<1>) -> Tensor<1> {
    let sum = load_e.clone().sum().clamp_min(f32::MIN_POSITIVE);
    load_e / sum
}

/// Each row of loads `[G, E]` as shares of its sum; zeros where there is none.
fn share_rows(load_ge: Tensor<2>) -> Tensor<2> {
    let sum_g1 = load_ge.clone().sum_dim(1).clamp_min(f32::MIN_POSITIVE);
    load_ge / sum_g1
}
