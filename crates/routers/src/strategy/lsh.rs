//! Locality-sensitive hashing of the hidden state.

use burn::{
    module::Module,
    tensor::{Device, FloatDType, Int, Tensor, TensorData},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assign, AssignConfig, StrategyFacts, StrategyRules, check_top_k, table};
use crate::{Assignment, RouteInput, RouterDims, RouterError, Scores, normal::normal};

/// Codes are whole numbers below 2^16: a table of them is small, and f32 holds them exactly.
const MOST_PLANES: usize = 16;

/// Hidden states on the same sides of random hyperplanes go to the same experts.
///
/// # Equation
///
/// Bit `h` of a token's code is `x_t . w_h > 0`, for `H` orthonormal random directions `w`. A table
/// that deals the `2^H` codes out evenly, as the table `random` of [`HashConfig`](super::HashConfig)
/// does ids, gives the code k distinct experts, for any E; gates are `1/k`. Two hidden states at an angle `a` share a
/// bit with probability `1 - a / pi`. One matrix product and two look-ups, all on the device.
///
/// # Gradients
///
/// None: no scorer is built, the directions are constants that follow from the seed, and the router
/// has no parameters.
///
/// # Failure modes
///
/// Even where hidden states point everywhere alike, as after a layer norm at the start of training;
/// hidden states that share a direction share experts.
///
/// # Reference
///
/// Charikar 2002, section 3, for the hyperplanes; Ren et al. 2023 and "Optimizing MoE
/// Routers" hash hidden states to experts.
///
/// # Config
///
/// ```
/// # let config: routers::LshConfig = toml::from_str(r#"
/// seed = 3
/// # "#).unwrap();
/// # assert_eq!(config.seed, Some(3));
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct LshConfig {
    /// H. Where not given, `log2 E` for a power of two; else 3 more than its ceiling, so that codes
    /// are dealt out with an excess of an eighth at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hyperplanes: Option<usize>,
    /// Seed of directions and table, so that trials share them; where not given it follows from the
    /// trial's seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// Directions and table of [`LshConfig`].
#[derive(Module, Debug)]
pub struct Lsh {
    planes_dh: Tensor<2>,
    /// The worth of each bit in the code.
    worth_h1: Tensor<2>,
    table_ck: Tensor<2, Int>,
}

impl LshConfig {
    /// H for E experts.
    fn planes(&self, experts: usize) -> usize {
        self.hyperplanes.unwrap_or_else(|| {
            let bits = experts.next_power_of_two().ilog2() as usize;
            if experts.is_power_of_two() {
                bits.max(1)
            } else {
                bits + 3
            }
        })
    }
}

impl StrategyRules for LshConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts::FIXED
    }

    fn flops(&self, dims: &RouterDims) -> usize {
        2 * dims.width * self.planes(dims.experts)
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        let planes = self.planes(dims.experts);
        let refuse = |problem| RouterError::Setting {
            what: "lsh",
            problem,
        };
        if planes > MOST_PLANES {
            return Err(refuse(format!(
                "{planes} hyperplanes ask for a table of 2^{planes} codes; at most {MOST_PLANES}"
            )));
        }
        if dims.experts > 1 << planes {
            return Err(refuse(format!(
                "{planes} hyperplanes tell {} codes apart, fewer than {} experts: raise \
                 `hyperplanes` to {}",
                1 << planes,
                dims.experts,
                dims.experts.next_power_of_two().ilog2()
            )));
        }
        check_top_k("lsh", dims.top_k, dims.experts)
    }
}

impl AssignConfig for LshConfig {
    type Strategy = Lsh;

    fn init(&self, dims: &RouterDims, device: &Device) -> Lsh {
        let planes = self.planes(dims.experts);
        let codes = 1 << planes;
        let seed = dims.table_seed(self.seed);
        let table = table::dealt(seed, codes, dims.top_k, dims.experts);
        let worth: Vec<f32> = (0..planes).map(|bit| (1u32 << bit) as f32).collect();
        Lsh {
            planes_dh: orthonormal(dims.width, planes, seed, device),
            worth_h1: Tensor::from_data(TensorData::new(worth, [planes, 1]), device),
            table_ck: Tensor::from_data(TensorData::new(table, [codes, dims.top_k]), device),
        }
    }
}

/// Random directions `[D, H]`, at right angles to each other as far as D allows (Gram and Schmidt).
fn orthonormal(width: usize, planes: usize, seed: u64, device: &Device) -> Tensor<2> {
    let drawn: Vec<f64> = normal([planes, width], seed, device)
        .into_data()
        .iter::<f64>()
        .collect();
    let mut rows: Vec<Vec<f64>> = drawn.chunks(width).map(<[f64]>::to_vec).collect();
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    for at in 0..planes {
        let (before, rest) = rows.split_at_mut(at);
        let row = &mut rest[0];
        for other in before.iter().take(width - 1) {
            let along = dot(row, other);
            for (x, y) in row.iter_mut().zip(other) {
                *x -= along * y;
            }
        }
        let length = dot(row, row).sqrt();
        for x in row {
            *x /= length;
        }
    }
    let values: Vec<f32> = rows.into_iter().flatten().map(|x| x as f32).collect();
    Tensor::<2>::from_data(TensorData::new(values, [planes, width]), device).swap_dims(0, 1)
}

impl Assign for Lsh {
    fn assign(&self, _: Option<&Scores>, input: &RouteInput) -> Assignment {
        let x_td = input.x_td.clone().detach().cast(FloatDType::F32);
        let bits_th = x_td.matmul(self.planes_dh.clone()).greater_elem(0.0);
        let codes_t1 = bits_th.float().matmul(self.worth_h1.clone()).int();
        let codes_t = codes_t1.reshape([input.tokens()]);
        let experts_tk = self.table_ck.clone().select(0, codes_t);
        let [tokens, k] = experts_tk.dims();
        Assignment::TokenChoice {
            experts_tk,
            gates_tk: Tensor::full([tokens, k], 1.0 / k as f64, &input.x_td.device()),
        }
    }
}

#[cfg(test)]
mod tests {
    use testkit::{F32_SUM, assert_close};

    use super::*;

    #[test]
    fn directions_are_orthonormal() {
        let device = Device::flex();
        let planes_dh = orthonormal(24, 5, 1, &device);
        let products = planes_dh.clone().swap_dims(0, 1).matmul(planes_dh);
        assert_close(products, Tensor::eye(5, &device), F32_SUM);
        // More directions than dimensions: no numbers are lost.
        let many = orthonormal(1, 4, 1, &device).abs();
        assert_close(many, Tensor::ones([1, 4], &device), F32_SUM);
    }

    #[test]
    fn hyperplanes_follow_from_the_experts() {
        let planes = |experts| LshConfig::default().planes(experts);
        assert_eq!([1, 2, 8, 256].map(planes), [1, 1, 3, 8]);
        assert_eq!([3, 60, 97].map(planes), [5, 9, 10]);
    }
}
