//! The Switch Transformer's load-balancing loss.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Balance;
use crate::{Assignment, RouteInput, Scores};

/// The Switch Transformer's load-balancing loss.
///
/// # Equation
///
/// `alpha * E * sum_e f_e P_e`, where `f_e` is the share of assignments that expert `e` gets
/// before any drop and `P_e` the mean over tokens of its probability. It equals `alpha` when both
/// are uniform.
///
/// # Gradients
///
/// `f` is a count and carries none; `P` carries `alpha * E * f_e / T` into every probability.
///
/// # Reference
///
/// Fedus et al. 2021, equations 4 to 6.
///
/// # Config
///
/// ```
/// # let config: routers::SwitchConfig = toml::from_str(r#"
/// alpha = 0.01
/// # "#).unwrap();
/// # assert_eq!(config, routers::SwitchConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SwitchConfig {
    /// Weight of the loss.
    pub alpha: registry::NonNegativeF64,
}

impl Default for SwitchConfig {
    fn default() -> Self {
        Self {
            alpha: registry::NonNegativeF64::new(0.01),
        }
    }
}

impl Balance for SwitchConfig {
    fn loss(&self, scores: &Scores, assignment: &Assignment, _: &RouteInput) -> Option<Tensor<1>> {
        let [_, experts] = scores.probs_te.dims();
        let load_e = assignment.load(experts);
        // Where tokens choose as many experts as they like, all of them may choose none.
        let share_e = load_e.clone() / load_e.sum().clamp_min(1.0);
        let mean_e = scores.probs_te.clone().mean_dim(0).squeeze_dim::<1>(0);
        Some((share_e * mean_e).sum() * (self.alpha.get() * experts as f64))
    }
}
