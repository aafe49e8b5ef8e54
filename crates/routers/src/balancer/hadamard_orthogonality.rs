//! Optimizing MoE Routers' orthogonality regulariser after a Hadamard matrix.

use burn::tensor::Tensor;
use registry::NonNegativeF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Balance, BalanceInput};

/// Optimizing MoE Routers' orthogonality regulariser after a Hadamard matrix: experts' logits uncorrelated over tokens.
///
/// # Equation
///
/// `alpha / (E (E - 1)) * sum_{e != f} r_ef^2`, with `r_ef` the correlation over the tokens of the
/// batch of the logits of experts `e` and `f`: the squared distance of the correlation matrix from
/// `H H^T / n = I`, where the rows of `H` are E rows of a Hadamard matrix of order `n` other than
/// the first. Such rows sum to zero and are orthogonal: every two experts are liked by half of the
/// tokens each, and agree on as many tokens as they disagree on. Zero for one expert.
///
/// # What it acts on
///
/// Optimizing MoE Routers' section V names a Hadamard matrix as the source of an orthogonality regulariser and does not
/// say of which matrix. Here it is the logits over the batch and not a weight: every scorer has
/// logits, and for the linear one on white inputs their correlations are the cosines between the
/// experts' weight vectors. Softmax does not see a shift of all logits of a token, this loss does.
///
/// # Gradients
///
/// Into all logits.
///
/// # Failure modes
///
/// With fewer tokens than experts the correlations cannot all be zero.
///
/// # Config
///
/// ```
/// # let config: routers::HadamardOrthogonalityConfig = toml::from_str(r#"
/// alpha = 0.01
/// # "#).unwrap();
/// # assert_eq!(config, routers::HadamardOrthogonalityConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct HadamardOrthogonalityConfig {
    /// Weight of the loss.
    pub alpha: NonNegativeF64,
}

impl Default for HadamardOrthogonalityConfig {
    fn default() -> Self {
        Self {
            alpha: NonNegativeF64::new(0.01),
        }
    }
}

/// Added to a column's sum of squares: an expert with constant logits correlates with nobody.
const LEAST: f64 = 1e-12;

impl Balance for HadamardOrthogonalityConfig {
    fn loss(&self, input: &BalanceInput<'_>) -> Option<Tensor<1>> {
        let logits_te = input.scores.logits_te.clone();
        let [_, experts] = logits_te.dims();
        let centred_te = logits_te.clone() - logits_te.mean_dim(0);
        let length_1e = (centred_te.clone().square().sum_dim(0) + LEAST).sqrt();
        let unit_te = centred_te / length_1e;
        let correlation_ee = unit_te.clone().swap_dims(0, 1).matmul(unit_te);
        let pairs = (experts * (experts - 1)).max(1) as f64;
        let other = Tensor::<2>::eye(experts, &correlation_ee.device()).neg() + 1.0;
        Some((correlation_ee * other).square().sum() * (self.alpha.get() / pairs))
    }
}
