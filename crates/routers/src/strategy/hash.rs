//! A fixed balanced table over token ids.

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor, TensorData},
};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assign, AssignConfig, StrategyFacts, check_top_k};
use crate::{Assignment, RouteInput, RouterDims, RouterError, Scores};

/// A fixed balanced table over token ids.
///
/// # Equation
///
/// The token ids are shuffled by `table-seed` and dealt out in rounds of E: each round gives every
/// expert one id as its first choice. Choice `j` of a round is the first choice moved by the
/// round's `j`-th distinct offset, so the k experts of an id are distinct and every choice is
/// balanced over ids, for any E. Gates are `1/k`.
///
/// Balanced over ids is not balanced over text: a frequent id fills its expert. That is the
/// method's own imbalance, and the load columns show it.
///
/// # Gradients
///
/// None: no scorer is built, and the router has no parameters.
///
/// # Reference
///
/// Roller et al. 2021, the balanced-assignment hash; S hashes the position instead.
///
/// # Config
///
/// ```
/// # let config: routers::HashConfig = toml::from_str(r#"
/// table-seed = 0
/// # "#).unwrap();
/// # assert_eq!(config, routers::HashConfig::default());
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct HashConfig {
    /// Seed of the table, apart from the trial's seed so that trials share a table.
    pub table_seed: u64,
}

/// The table of [`HashConfig`].
#[derive(Module, Debug)]
pub struct Hash {
    table_vk: Tensor<2, Int>,
}

impl HashConfig {
    /// The table `[V, k]`, row by row.
    pub(super) fn table(&self, vocab: usize, k: usize, experts: usize) -> Vec<i32> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.table_seed);
        let mut ids: Vec<usize> = (0..vocab).collect();
        ids.shuffle(&mut rng);
        let mut offsets: Vec<usize> = (1..experts).collect();
        let mut table = vec![0; vocab * k];
        for (rank, id) in ids.into_iter().enumerate() {
            if rank % experts == 0 {
                offsets.shuffle(&mut rng);
            }
            let first = rank % experts;
            for choice in 0..k {
                let offset = if choice == 0 { 0 } else { offsets[choice - 1] };
                table[id * k + choice] = ((first + offset) % experts) as i32;
            }
        }
        table
    }
}

impl AssignConfig for HashConfig {
    type Strategy = Hash;

    fn facts(&self) -> StrategyFacts {
        StrategyFacts::FIXED
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        if dims.vocab == 0 {
            return Err(RouterError::NoVocabulary { what: "hash" });
        }
        check_top_k("hash", dims.top_k, dims.experts)
    }

    fn init(&self, dims: &RouterDims, device: &Device) -> Hash {
        let table = self.table(dims.vocab, dims.top_k, dims.experts);
        Hash {
            table_vk: Tensor::from_data(TensorData::new(table, [dims.vocab, dims.top_k]), device),
        }
    }
}

impl Assign for Hash {
    fn assign(&self, _: Option<&Scores>, input: &RouteInput) -> Assignment {
        let experts_tk = self.table_vk.clone().select(0, input.token_ids_t.clone());
        let [tokens, k] = experts_tk.dims();
        let gates_tk = Tensor::full([tokens, k], 1.0 / k as f64, &input.x_td.device());
        Assignment::TokenChoice {
            experts_tk,
            gates_tk,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_deals_each_expert_the_same_number_of_ids() {
        for (vocab, k, experts) in [(64, 2, 8), (120, 3, 60), (97, 4, 4), (9, 2, 3)] {
            let table = HashConfig::default().table(vocab, k, experts);
            for choice in 0..k {
                let mut load = vec![0usize; experts];
                table
                    .iter()
                    .skip(choice)
                    .step_by(k)
                    .for_each(|&expert| load[expert as usize] += 1);
                // Whole rounds are exactly even; the last, partial one adds at most one.
                let even = vocab / experts;
                assert!(load.iter().all(|&n| n == even || n == even + 1), "{load:?}");
            }
        }
    }

    #[test]
    fn the_choices_of_an_id_are_distinct() {
        for (k, experts) in [(1, 1), (2, 2), (2, 8), (8, 8), (5, 97)] {
            let table = HashConfig { table_seed: 3 }.table(200, k, experts);
            for row in table.chunks(k) {
                let mut sorted = row.to_vec();
                sorted.sort_unstable();
                sorted.dedup();
                assert_eq!(sorted.len(), k, "{row:?}");
            }
        }
    }
}
