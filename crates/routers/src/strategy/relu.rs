//! Every expert with a positive logit.

use burn::{
    module::Module,
    tensor::{Device, activation::relu},
};
use registry::PositiveF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Adaptive, Assign, AssignConfig, StrategyFacts, StrategyRules, check_top_k};
use crate::{
    Assignment, AuxiliaryLoss, Defined, RouteInput, RouterDims, RouterError, Scores, StepLoad,
};

/// The multiplier stays within these, so that f32 neither loses it nor overflows.
const RANGE: (f64, f64) = (1e-16, 1e4);

/// Every expert with a positive logit, its gate.
///
/// # Equation
///
/// `g_te = max(0, z_te)`; a token goes to every expert with `z_te > 0`. No softmax, and no choice
/// that a gradient cannot pass. In training its loss `relu-l1` is
/// `lambda / T * sum_t sum_e f_e g_te`, `f_e = E / (k T) * #{t: z_te > 0}` (all 1 without
/// `load-balanced`), and after each step `lambda` is multiplied by `growth` if a token had more than
/// `k` experts on average, and divided by it if fewer: sparsity goes to `1 - k / E`. `lambda` is
/// saved with the model, one for each layer where ReMoE has one for all.
///
/// # Gradients
///
/// Through the gates into the positive logits; `f` and `lambda` carry none.
///
/// # Failure modes
///
/// At the start half of all logits are positive, so a token has `E / 2` experts until `lambda` has
/// grown; capacity is sized by `k` and drops what is more, unless `drop = "none"`. A token without
/// a positive logit passes through the residual connection alone.
///
/// # Reference
///
/// Wang et al. 2025 (ReMoE), equations 5 to 10; there too `growth = 1.2`, `lambda = 1e-8`.
///
/// # Config
///
/// ```
/// # let config: routers::ReluConfig = toml::from_str(r#"
/// lambda        = 1e-8
/// growth        = 1.2
/// load-balanced = true
/// # "#).unwrap();
/// # assert_eq!(config, routers::ReluConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ReluConfig {
    /// Where the multiplier starts.
    pub lambda: PositiveF64,
    /// What it is multiplied or divided by after a step, above 1.
    pub growth: PositiveF64,
    /// Whether an expert's gates weigh as its share of the load.
    pub load_balanced: bool,
}

impl Default for ReluConfig {
    fn default() -> Self {
        Self {
            lambda: PositiveF64::new(1e-8),
            growth: PositiveF64::new(1.2),
            load_balanced: true,
        }
    }
}

/// The rule and the multiplier of [`ReluConfig`].
#[derive(Module, Debug)]
pub struct Relu {
    lambda: Adaptive,
    growth: f64,
    load_balanced: bool,
    k: usize,
}

impl StrategyRules for ReluConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts::LEARNED
    }

    fn most_choices(&self, _: usize, experts: usize) -> usize {
        experts
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        let growth = self.growth.get();
        if growth <= 1.0 {
            return Err(RouterError::Setting {
                what: "relu",
                problem: format!("growth must be above 1, got {growth}: ReMoE has 1.2"),
            });
        }
        check_top_k("relu", dims.top_k, dims.experts)
    }
}

impl AssignConfig for ReluConfig {
    type Strategy = Relu;

    fn init(&self, dims: &RouterDims, device: &Device) -> Relu {
        Relu {
            lambda: Adaptive::new(self.lambda.get(), device),
            growth: self.growth.get(),
            load_balanced: self.load_balanced,
            k: dims.top_k,
        }
    }
}

impl Assign for Relu {
    fn assign(&self, scores: Option<&Scores>, _: &RouteInput) -> Assignment {
        let logits_te = &scores.expect("relu needs scores").logits_te;
        Assignment::Variable {
            gates_te: relu(logits_te.clone()),
            chosen_te: logits_te.clone().detach().greater_elem(0.0),
        }
    }

    fn defined(&self) -> Defined {
        Defined {
            probabilities: false,
            ..Defined::ALL
        }
    }

    fn losses(
        &self,
        scores: Option<&Scores>,
        assignment: &Assignment,
        _: &RouteInput,
    ) -> Vec<AuxiliaryLoss> {
        let logits_te = scores.expect("relu needs scores").logits_te.clone();
        let [tokens, experts] = logits_te.dims();
        let gates_1e = relu(logits_te).sum_dim(0) / tokens as f64;
        let weighted_1e = if self.load_balanced {
            let even = (self.k * tokens) as f64 / experts as f64;
            let share_e = assignment.load(experts) / even;
            gates_1e * share_e.reshape([1, experts])
        } else {
            gates_1e
        };
        vec![AuxiliaryLoss {
            name: "relu-l1",
            value: weighted_1e.sum() * self.lambda.value(),
        }]
    }

    fn adapt(self, step: &StepLoad) -> Self {
        let load = step.load_e.clone().without_autodiff().sum();
        let more = load / step.tokens as f64 - self.k as f64;
        let exponent = self.growth.ln();
        Self {
            lambda: self
                .lambda
                .moved(|lambda| (lambda * (more.sign() * exponent).exp()).clamp(RANGE.0, RANGE.1)),
            ..self
        }
    }
}
