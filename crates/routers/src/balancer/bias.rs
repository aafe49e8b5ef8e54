//! Balancing without a loss: a bias on the choice of experts.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use registry::PositiveF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Balance, BalanceInput};
use crate::StepLoad;

/// A bias on the choice of experts, moved after every step; no loss, no gradient.
///
/// # Equation
///
/// Experts are chosen by `s_te + b_e`; gates stay those of `s`. After a step with load `n_e`,
/// `b_e += rate * sign(mean(n) - n_e)`: an expert with less than its share becomes likelier. `b`
/// starts at zero, is saved with the model, and stays as it is outside training.
///
/// # Gradients
///
/// None; only the choice depends on `b`.
///
/// # Reference
///
/// Wang et al. 2024, algorithm 1; DeepSeek-V3 2024, section 2.1.2.
///
/// # Config
///
/// ```
/// # let config: routers::BiasConfig = toml::from_str(r#"
/// rate = 0.001
/// # "#).unwrap();
/// # assert_eq!(config, routers::BiasConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct BiasConfig {
    /// How far a bias moves in one step.
    pub rate: PositiveF64,
}

impl Default for BiasConfig {
    fn default() -> Self {
        Self {
            rate: PositiveF64::new(0.001),
        }
    }
}

impl Balance for BiasConfig {
    fn loss(&self, _: &BalanceInput<'_>) -> Option<Tensor<1>> {
        None
    }

    fn selection_bias(&self) -> Option<&BiasConfig> {
        Some(self)
    }
}

/// The bias of [`BiasConfig`].
#[derive(Module, Debug)]
pub struct SelectionBias {
    bias_e: Param<Tensor<1>>,
    rate: f64,
}

impl SelectionBias {
    pub(crate) fn new(config: &BiasConfig, experts: usize, device: &Device) -> Self {
        Self {
            bias_e: Param::from_tensor(Tensor::zeros([experts], device)).set_require_grad(false),
            rate: config.rate.get(),
        }
    }

    /// The bias `[E]`.
    #[must_use]
    pub fn value(&self) -> Tensor<1> {
        self.bias_e.val()
    }

    /// Moves the bias by what a step did.
    #[must_use]
    pub(crate) fn adapt(self, step: &StepLoad) -> Self {
        let short_e = step.load_e.clone().mean() - step.load_e.clone();
        let rate = self.rate;
        let bias_e = self
            .bias_e
            .map(|bias_e| {
                let device = bias_e.device();
                let moved = short_e.sign() * rate;
                (bias_e.without_autodiff() + moved.without_autodiff()).to_device(&device)
            })
            .set_require_grad(false);
        Self { bias_e, ..self }
    }
}
