//! A fixed balanced table over token ids.

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor, TensorData},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Assign, AssignConfig, StrategyFacts, StrategyRules, check_top_k, table};
use crate::{Assignment, RouteInput, RouterDims, RouterError, Scores};

/// A fixed balanced table over token ids.
///
/// # Equation
///
/// `balanced`: the token ids in the order of how often the training text has them, the most frequent
/// first; each of the k copies of an id, which weighs as often as the id stands in the text, goes to
/// the emptiest expert that the id does not have yet. Ids as frequent as each other, and experts as
/// empty as each other, come in an order that the table's seed draws. Ids that the text lacks weigh
/// as if it had them once; where no text is known, as in the jobs `layer` and `router`, all ids weigh
/// alike. `random`: the ids are shuffled and dealt out in rounds of E, and choice `j` of a round is
/// the first choice moved by the round's `j`-th distinct offset. Gates are `1/k`.
///
/// # Gradients
///
/// None: no scorer is built, and the router has no parameters.
///
/// # Failure modes
///
/// An id that is more frequent than `1/E` of the text fills its expert whatever the table, and what is
/// balanced over the text is not balanced over each batch. `random` is balanced over ids and not over
/// text: its experts have what their ids happen to weigh.
///
/// # Reference
///
/// Roller et al. 2021, section 3.1, balanced assignment; `random` is their random hash, dealt out
/// evenly. MoE Routing Bench hashes the position instead.
///
/// # Config
///
/// ```
/// # let config: routers::HashConfig = toml::from_str(r#"
/// table = "balanced"
/// # "#).unwrap();
/// # assert_eq!(config, routers::HashConfig::default());
/// # let config: routers::HashConfig = toml::from_str(r#"
/// table      = "random"
/// table-seed = 3
/// # "#).unwrap();
/// # assert_eq!(config.table_seed, Some(3));
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct HashConfig {
    /// How ids are shared out.
    pub table: HashTable,
    /// Seed of the table, so that trials share it; where not given it follows from the trial's seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_seed: Option<u64>,
}

/// How token ids are shared out to experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HashTable {
    /// By how often the training text has them: experts get text of equal length.
    #[default]
    Balanced,
    /// At random: experts get equally many ids.
    Random,
}

/// The table of [`HashConfig`].
#[derive(Module, Debug)]
pub struct Hash {
    table_vk: Tensor<2, Int>,
}

impl HashConfig {
    /// The table `[V, k]`, row by row.
    fn table(&self, dims: &RouterDims) -> Vec<i32> {
        let seed = dims.table_seed(self.table_seed);
        match (self.table, &dims.token_counts) {
            (HashTable::Random, _) => table::dealt(seed, dims.vocab, dims.top_k, dims.experts),
            (HashTable::Balanced, Some(counts)) => {
                table::balanced(seed, counts, dims.top_k, dims.experts)
            }
            (HashTable::Balanced, None) => {
                table::balanced(seed, &vec![1; dims.vocab], dims.top_k, dims.experts)
            }
        }
    }
}

impl StrategyRules for HashConfig {
    fn facts(&self) -> StrategyFacts {
        StrategyFacts::FIXED
    }

    fn check(&self, dims: &RouterDims) -> Result<(), RouterError> {
        if dims.vocab == 0 {
            return Err(RouterError::NoVocabulary { what: "hash" });
        }
        if let Some(counts) = &dims.token_counts
            && counts.len() != dims.vocab
        {
            return Err(RouterError::Setting {
                what: "hash",
                problem: format!(
                    "needs a count for each of {} token ids, got {}",
                    dims.vocab,
                    counts.len()
                ),
            });
        }
        check_top_k("hash", dims.top_k, dims.experts)
    }
}

impl AssignConfig for HashConfig {
    type Strategy = Hash;

    fn init(&self, dims: &RouterDims, device: &Device) -> Hash {
        let table = self.table(dims);
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
