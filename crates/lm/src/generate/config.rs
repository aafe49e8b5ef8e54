//! How a text is continued.

use kernels::Precision;

use crate::LmError;

/// How a text is continued.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationConfig {
    /// The most tokens that are added.
    pub max_tokens: usize,
    /// Ids that end a text; they are no part of it.
    pub stop_ids: Vec<u32>,
    /// How a token is chosen from its logits.
    pub sampling: SamplingConfig,
    /// In what matrices multiply.
    pub precision: Precision,
}

impl GenerationConfig {
    /// The likeliest token each time, in f32, and no end but the number of tokens.
    #[must_use]
    pub const fn greedy(max_tokens: usize) -> Self {
        Self {
            max_tokens,
            stop_ids: Vec::new(),
            sampling: SamplingConfig::greedy(),
            precision: Precision::F32,
        }
    }
}

/// How a token is chosen from its logits.
///
/// # Equation
///
/// Token i is drawn with probability `softmax(logits / temperature)_i` over the `top_k` largest logits,
/// and of these over the fewest whose probabilities reach `top_p`. Temperature 0 is its limit: the
/// likeliest token, of equals the first.
///
/// # Reference
///
/// Fan et al. 2018 (top-k); Holtzman et al. 2020 (top-p, nucleus sampling).
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingConfig {
    /// 0 for the likeliest token.
    pub temperature: f64,
    /// How many tokens are drawn from; all where it is not said.
    pub top_k: Option<usize>,
    /// The probability that those which are drawn from have together, above 0 and up to 1.
    pub top_p: Option<f64>,
    /// From which draws follow, together with the number of the prompt in its batch.
    pub seed: u64,
}

impl SamplingConfig {
    /// The likeliest token.
    #[must_use]
    pub const fn greedy() -> Self {
        Self {
            temperature: 0.0,
            top_k: None,
            top_p: None,
            seed: 0,
        }
    }

    pub(super) fn check(&self) -> Result<(), LmError> {
        let refused = |name, expected, got: String| {
            Err(LmError::Setting {
                name,
                expected,
                got,
            })
        };
        let temperature = self.temperature;
        if !(temperature >= 0.0 && temperature.is_finite()) {
            return refused("temperature", "0 or greater", temperature.to_string());
        }
        if self.top_k == Some(0) {
            return refused("top_k", "at least 1", "0".to_owned());
        }
        match self.top_p {
            Some(p) if !(p > 0.0 && p <= 1.0) => {
                refused("top_p", "greater than 0 and at most 1", p.to_string())
            }
            _ => Ok(()),
        }
    }
}
