//! A fixed balanced table over places in the sequence.

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor, TensorData},
};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assign, AssignConfig, StrategyFacts, StrategyRules, check_top_k};
use crate::{Assignment, RouteInput, RouterDims, RouterError, Scores};

/// The table has at least so many places before it repeats.
const PLACES: usize = 4096;

/// A fixed balanced table over places in the sequence.
///
/// # Equation
///
/// Each round of E places gets the experts in an order of its own, shuffled by the table's seed:
/// a round gives every expert one place as its first choice. Choice `j` is the first choice moved by
/// the round's `j`-th distinct offset, so the k experts of a place are distinct and every choice is
/// balanced over any whole round, for any E. Gates are `1/k`. From the first whole round after
/// 4,096 places on, the table repeats.
///
/// # Gradients
///
/// None: no scorer is built, and the router has no parameters.
///
/// # Failure modes
///
/// Balanced whatever the text, and blind to it: an expert sees every token that stands at its
/// places, so it can learn what the place says and nothing else.
///
/// # Reference
///
/// Roller et al. 2021, with places in place of token ids. MoE Routing Bench hashes the flattened place
/// to place mod E.
///
/// # Config
///
/// ```
/// # let config: routers::PositionHashConfig = toml::from_str(r#"
/// table-seed = 3
/// # "#).unwrap();
/// # assert_eq!(config.table_seed, Some(3));
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct PositionHashConfig {
    /// Seed of the table, so that trials share it; where not given it follows from the trial's seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_seed: Option<u64>,
}

/// The table of [`PositionHashConfig`].
#[derive(Module, Debug)]
pub struct PositionHash {
    table_pk: Tensor<2, Int>,
}

impl PositionHashConfig {
    /// The table, k experts a place: whole rounds of E places.
    fn table(seed: u64, k: usize, experts: usize) -> Vec<i32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut order: Vec<usize> = (0..experts).collect();
        let mut offsets: Vec<usize> = (1..experts).collect();
        let mut table = Vec::new();
        for _ in 0..PLACES.div_ceil(experts) {
            order.shuffle(&mut rng);
            offsets.shuffle(&mut rng);
            for &first in &order {
                let moved = std::iter::once(&0).chain(&offsets).take(k);
                table.extend(moved.map(|offset| ((first + offset) % experts) as i32));
            }
        }
        table
    }
}

impl StrategyRules for PositionHashConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts::FIXED
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        check_top_k("position-hash", dims.top_k, dims.experts)
    }
}

impl AssignConfig for PositionHashConfig {
    type Strategy = PositionHash;

    fn init(&self, dims: &RouterDims, device: &Device) -> PositionHash {
        let seed = dims.table_seed(self.table_seed);
        let table = Self::table(seed, dims.top_k, dims.experts);
        let places = table.len() / dims.top_k;
        PositionHash {
            table_pk: Tensor::from_data(TensorData::new(table, [places, dims.top_k]), device),
        }
    }
}

impl Assign for PositionHash {
    fn assign(&self, _: Option<&Scores>, input: &RouteInput) -> Assignment {
        let [places, k] = self.table_pk.dims();
        let (tokens, device) = (input.tokens(), input.x_td.device());
        let places_t = input.sequences.places(&device) % places as i64;
        Assignment::TokenChoice {
            experts_tk: self.table_pk.clone().select(0, places_t),
            gates_tk: Tensor::full([tokens, k], 1.0 / k as f64, &device),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_gives_each_expert_one_place_in_every_choice() {
        for (k, experts) in [(1, 1), (2, 8), (3, 60), (4, 4), (5, 97), (8, 256)] {
            let table = PositionHashConfig::table(3, k, experts);
            assert!(table.len() >= PLACES * k);
            for round in table.chunks(k * experts) {
                for choice in 0..k {
                    let mut seen: Vec<i32> =
                        round.iter().skip(choice).step_by(k).copied().collect();
                    seen.sort_unstable();
                    assert!(seen.iter().copied().eq(0..experts as i32), "{seen:?}");
                }
            }
            for row in table.chunks(k) {
                let mut sorted = row.to_vec();
                sorted.sort_unstable();
                sorted.dedup();
                assert_eq!(sorted.len(), k, "{row:?}");
            }
        }
    }
}
