//! The fewest experts that together have a given probability.

use std::num::NonZeroUsize;

use burn::{
    module::Module,
    tensor::{Device, IndexingUpdateOp},
};
use kernels::argsort_descending;
use registry::{NonNegativeF64, PositiveF64};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Adaptive, Assign, AssignConfig, StrategyFacts, StrategyRules, Switches, check_top_k};
use crate::{Assignment, AuxiliaryLoss, RouteInput, RouterDims, RouterError, Scores, StepLoad};

/// Below this an adapted mass would choose one expert for every token, whatever it is.
const LEAST_MASS: f64 = 1e-3;

/// The fewest best experts that together have a given probability.
///
/// # Equation
///
/// Experts ranked by score, a token takes them until their probabilities sum to `p` or more: rank
/// `r` is taken while the ranks before it sum to less than `p`, so the best always is. At most
/// `max-experts` are taken, which is a budget for each token. Gates are the scores.
///
/// With `budget`, a budget for the layer, `p` is saved with the model and moves after each step by
/// `rate * (target - n) / target`, within 0.001 and 1, where `n` is the mean number of experts of a
/// token in that step.
///
/// In training the loss `top-p-entropy` is `entropy-weight / T * sum_t -sum_e q_te ln q_te`, `q` the
/// probabilities: it makes the router decided, so that few experts reach `p`. A weight of 0
/// leaves it out.
///
/// # Gradients
///
/// Through the gates of the chosen into all logits of the token; none into `p`.
///
/// # Failure modes
///
/// An undecided router takes many experts: with the probabilities of fresh weights near `1/E`, `p E`
/// of them, unless `entropy-weight` decides it. Capacity is sized by `k`, so what is more than that drops; without a limit use
/// `drop = "none"`.
///
/// # Reference
///
/// Huang et al. 2024, equations 3 to 5 and their dynamic loss, there with weight 1e-4; "Optimizing MoE
/// Routers" asks in its section VII for a `k` that adapts.
///
/// # Config
///
/// ```
/// # let config: routers::TopPConfig = toml::from_str(r#"
/// p = 0.6
/// # "#).unwrap();
/// # assert_eq!(config, routers::TopPConfig::default());
/// # let config: routers::TopPConfig = toml::from_str(r#"
/// p              = 0.6
/// max-experts    = 4
/// entropy-weight = 1e-4
/// budget         = { experts = 2.5, rate = 0.01 }
/// # "#).unwrap();
/// # assert_eq!(config.budget.unwrap().rate.get(), 0.01);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct TopPConfig {
    /// The probability to reach; with a budget, where it starts.
    pub p: PositiveF64,
    /// The most experts of a token; all where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_experts: Option<NonZeroUsize>,
    /// Weight of the entropy of the router's probabilities in the loss.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(extend("default" = 0.0))]
    pub entropy_weight: NonNegativeF64,
    /// Adapts `p` to a mean number of experts; where not given, `p` stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetConfig>,
}

// Signature given by serde.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(weight: &NonNegativeF64) -> bool {
    weight.get() == 0.0
}

/// A mean number of experts that a layer reaches by moving `p`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct BudgetConfig {
    /// The mean number of experts of a token; the sweep's `k` where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experts: Option<PositiveF64>,
    /// How far `p` moves in a step that is off by the whole target.
    pub rate: PositiveF64,
}

impl Default for TopPConfig {
    fn default() -> Self {
        Self {
            p: PositiveF64::new(0.6),
            max_experts: None,
            entropy_weight: NonNegativeF64::new(0.0),
            budget: None,
        }
    }
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self {
            experts: None,
            rate: PositiveF64::new(0.01),
        }
    }
}

impl BudgetConfig {
    fn target(&self, k: usize) -> f64 {
        self.experts.map_or(k as f64, PositiveF64::get)
    }
}

/// The rule of [`TopPConfig`].
#[derive(Module, Debug)]
pub struct TopP {
    p: f64,
    most: usize,
    entropy_weight: f64,
    budget: Option<Budget>,
}

/// The mass that a layer has reached, and what it moves by.
#[derive(Module, Debug)]
struct Budget {
    p: Adaptive,
    target: f64,
    rate: f64,
}

impl StrategyRules for TopPConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts::PICKS
    }

    fn most_choices(&self, _: usize, experts: usize) -> usize {
        self.most(experts)
    }

    fn fits(&self, switches: &Switches, _: usize) -> Result<(), &'static str> {
        switches.fit_scores_alone()
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        let refuse = |problem| {
            Err(RouterError::Setting {
                what: "top-p",
                problem,
            })
        };
        let p = self.p.get();
        if p > 1.0 {
            return refuse(format!("p is a probability, from 0 to 1, got {p}"));
        }
        check_top_k("top-p", dims.top_k, dims.experts)?;
        let most = self.most(dims.experts);
        match &self.budget {
            Some(budget) if !(1.0..=most as f64).contains(&budget.target(dims.top_k)) => {
                refuse(format!(
                    "a token takes from 1 to {most} experts, so no `p` reaches a mean of {}: change \
                     `budget.experts` (or `k`, where that is not given) or `max-experts`",
                    budget.target(dims.top_k)
                ))
            }
            _ => Ok(()),
        }
    }
}

impl AssignConfig for TopPConfig {
    type Strategy = TopP;

    fn init(&self, dims: &RouterDims, device: &Device) -> TopP {
        let p = self.p.get();
        TopP {
            p,
            most: self.most(dims.experts),
            entropy_weight: self.entropy_weight.get(),
            budget: self.budget.as_ref().map(|budget| Budget {
                p: Adaptive::new(p, device),
                target: budget.target(dims.top_k),
                rate: budget.rate.get(),
            }),
        }
    }
}

impl TopPConfig {
    /// The most experts of a token.
    fn most(&self, experts: usize) -> usize {
        self.max_experts
            .map_or(experts, |most| most.get().min(experts))
    }
}

impl Assign for TopP {
    fn assign(&self, scores: Option<&Scores>, _: &RouteInput) -> Assignment {
        let scores = scores.expect("top-p needs scores");
        let probs_te = scores.probs_te.clone().detach();
        let order_tm = argsort_descending(scores.preference()).narrow(1, 0, self.most);
        let ranked_tm = probs_te.clone().gather(1, order_tm.clone());
        let before_tm = ranked_tm.clone().cumsum(1) - ranked_tm;
        let taken_tm = match &self.budget {
            None => before_tm.lower_elem(self.p),
            Some(budget) => {
                let p = budget.p.value().reshape([1, 1]);
                before_tm.clone().lower(p.expand(before_tm.dims()))
            }
        };
        let chosen_te = probs_te
            .zeros_like()
            .scatter(1, order_tm, taken_tm.float(), IndexingUpdateOp::Add)
            .greater_elem(0.5);
        Assignment::Variable {
            gates_te: scores.weights(),
            chosen_te,
        }
    }

    fn losses(
        &self,
        scores: Option<&Scores>,
        _: &Assignment,
        _: &RouteInput,
    ) -> Vec<AuxiliaryLoss> {
        if self.entropy_weight == 0.0 {
            return Vec::new();
        }
        let probs_te = scores.expect("top-p needs scores").probs_te.clone();
        let tokens = probs_te.dims()[0] as f64;
        let logs_te = probs_te.clone().clamp_min(f32::MIN_POSITIVE).log();
        let entropies = -(probs_te * logs_te).sum();
        vec![AuxiliaryLoss {
            name: "top-p-entropy",
            value: entropies * (self.entropy_weight / tokens),
        }]
    }

    fn adapt(self, step: &StepLoad) -> Self {
        Self {
            budget: self.budget.map(|budget| budget.adapt(step)),
            ..self
        }
    }
}

impl Budget {
    fn adapt(self, step: &StepLoad) -> Self {
        let mean = step.load_e.clone().without_autodiff().sum() / step.tokens as f64;
        let (target, rate) = (self.target, self.rate);
        Self {
            p: self.p.moved(|p| {
                let short = (target - mean) / target;
                (p + short * rate).clamp(LEAST_MASS, 1.0)
            }),
            ..self
        }
    }
}
