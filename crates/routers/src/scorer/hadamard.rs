//! Rows of a Hadamard matrix, and nothing learned.

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Score, ScoreConfig, ScorerRules};
use crate::RouterDims;

/// Rows of a Hadamard matrix, and nothing learned.
///
/// # Equation
///
/// `logits_e = sum_d x_d H_ed`, `H` being the first E rows and D columns of Sylvester's matrix
/// `H_ed = (-1)^popcount(e & d)`; over `sqrt(D)` where `normalised` is on. The rows are orthogonal
/// where D is a multiple of the power of two that E needs, and different where E <= D.
///
/// # Gradients
///
/// Into `x` alone: there are no parameters.
///
/// # Failure modes
///
/// It collapses. Without `normalised` the logits of inputs of unit variance deviate by `sqrt(D)`, so
/// that every token's softmax is one expert. The first row is all ones and sums the hidden state:
/// hidden states with a mean, or with a few outlying dimensions that all tokens share, send nearly
/// all tokens to the same expert, and nothing here can learn otherwise.
///
/// # Reference
///
/// Harvey et al. 2025, the early Hadamard router, given up for [`mlp-hadamard`].
///
/// # Config
///
/// ```
/// # let config: routers::HadamardConfig = toml::from_str(r#"
/// normalised = false
/// # "#).unwrap();
/// # assert_eq!(config, routers::HadamardConfig::default());
/// ```
///
/// [`mlp-hadamard`]: crate::MlpHadamardConfig
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct HadamardConfig {
    /// Divides by `sqrt(D)`.
    pub normalised: bool,
}

/// The fixed map of [`HadamardConfig`].
#[derive(Module, Debug)]
pub struct HadamardScorer {
    /// A constant: it follows from sizes and settings, and is not saved.
    map_de: Tensor<2>,
}

impl ScorerRules for HadamardConfig {
    fn num_params(&self, _: &RouterDims) -> usize {
        0
    }

    fn flops(&self, dims: &RouterDims) -> usize {
        2 * dims.width * dims.experts
    }
}

impl ScoreConfig for HadamardConfig {
    type Scorer = HadamardScorer;

    fn init(&self, dims: &RouterDims, device: &Device) -> HadamardScorer {
        let map_de = sylvester([dims.width, dims.experts], device);
        HadamardScorer {
            map_de: if self.normalised {
                map_de / (dims.width as f64).sqrt()
            } else {
                map_de
            },
        }
    }
}

impl Score for HadamardScorer {
    fn score(&self, x_td: Tensor<2>) -> Tensor<2> {
        x_td.matmul(self.map_de.clone())
    }

    fn scaled(self, factor: f64) -> Self {
        Self {
            map_de: self.map_de * factor,
        }
    }
}

/// The first rows and columns of Sylvester's symmetric Hadamard matrix.
pub(super) fn sylvester([rows, columns]: [usize; 2], device: &Device) -> Tensor<2> {
    let sign = |row: usize, column: usize| {
        if (row & column).count_ones().is_multiple_of(2) {
            1.0f32
        } else {
            -1.0
        }
    };
    let values: Vec<f32> = (0..rows)
        .flat_map(|row| (0..columns).map(move |column| sign(row, column)))
        .collect();
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}

#[cfg(test)]
mod tests {
    use testkit::{F32_EXACT_ORDER, F32_SUM, assert_close, assert_same};

    use super::*;

    #[test]
    fn the_matrix_of_order_four() {
        let device = Device::flex();
        let expected = Tensor::from_data(
            [
                [1.0f32, 1.0, 1.0, 1.0],
                [1.0, -1.0, 1.0, -1.0],
                [1.0, 1.0, -1.0, -1.0],
                [1.0, -1.0, -1.0, 1.0],
            ],
            &device,
        );
        assert_same(sylvester([4, 4], &device), expected);
    }

    #[test]
    fn rows_are_orthogonal() {
        // 24 is a multiple of 8, which eight rows need.
        let device = Device::flex();
        let rows = sylvester([8, 24], &device);
        let products = rows.clone().matmul(rows.transpose());
        assert_close(products, Tensor::eye(8, &device) * 24.0, F32_EXACT_ORDER);
    }

    #[test]
    fn logits_by_hand() {
        let device = Device::flex();
        let dims = RouterDims {
            width: 4,
            experts: 3,
            top_k: 1,
            capacity_factor: 1.0,
            vocab: 1,
            token_counts: None,
            seed: 0,
        };
        // 1 + 2 + 3 + 5, 1 - 2 + 3 - 5, 1 + 2 - 3 - 5.
        let x = || Tensor::from_data([[1.0f32, 2.0, 3.0, 5.0]], &device);
        let expected = Tensor::<2>::from_data([[11.0f32, -3.0, -5.0]], &device);
        let plain = HadamardConfig::default().init(&dims, &device);
        assert_close(plain.score(x()), expected.clone(), F32_SUM);
        let normalised = HadamardConfig { normalised: true }.init(&dims, &device);
        assert_close(normalised.score(x()), expected / 2.0, F32_SUM);
    }

    #[test]
    fn a_mean_that_all_tokens_share_collapses_it() {
        // Means of 1 over deviations of 1: the first logit is about 64, the others deviate by 8.
        let device = Device::flex();
        let dims = RouterDims {
            width: 64,
            experts: 8,
            top_k: 1,
            capacity_factor: 1.0,
            vocab: 1,
            token_counts: None,
            seed: 0,
        };
        let x_td = testkit::normal([200, 64], 1, &device);
        let chosen = |x_td: Tensor<2>| {
            let scorer = HadamardConfig::default().init(&dims, &device);
            let best_t1 = scorer.score(x_td).argmax(1).into_data();
            best_t1.iter::<i64>().filter(|&expert| expert == 0).count()
        };
        assert_eq!(chosen(x_td.clone() + 1.0), 200);
        // Without a mean the first is one of eight: 25, with a deviation of 4.7.
        assert!((2..48).contains(&chosen(x_td)));
    }
}
