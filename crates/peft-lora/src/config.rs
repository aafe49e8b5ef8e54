//! What an adapter is to be.

use std::{collections::BTreeMap, num::NonZeroUsize};

use nn::{LowRankConfig, LowRankInit};
use registry::{Fraction, PositiveF64};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pattern::takes;

/// The `[lora]` table: which maps of a model get low-rank deltas, and how these are.
///
/// # Equation
///
/// `y = x W + b + s * dropout(x) A B` with `s = alpha / r`, or `alpha / sqrt(r)` with `rslora`.
///
/// # Names
///
/// An entry of `target-modules` takes the module of this name and all whose names end in it behind a dot, as
/// PEFT does: `gate` takes `model.layers.0.mlp.gate` and neither `gate_proj` nor `shared_expert_gate`. An entry
/// that takes nothing is an error. Patterns are regular expressions, matched as PEFT matches them: against a
/// whole name, or what follows one of its dots.
///
/// # Reference
///
/// Hu et al. 2022 (LoRA); Kalajdzievski 2023 (rsLoRA); Hugging Face's PEFT for names and defaults.
///
/// ```
/// let config: peft_lora::LoraConfig = toml::from_str(r#"
/// r              = 8
/// alpha          = 16
/// dropout        = 0.05
/// target-modules = ["q_proj", "v_proj"]
/// rank-pattern   = { v_proj = 4 }
/// modules-to-save = ["mlp.gate"]
/// "#).unwrap();
/// assert_eq!(config.r.get(), 8);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct LoraConfig {
    /// The rank.
    pub r: NonZeroUsize,
    /// What scales the deltas, before it is divided by the rank or its root.
    pub alpha: PositiveF64,
    /// Probability with which a value of a delta's input is dropped in training. Must be 0 with
    /// `target-parameters`, as for PEFT.
    pub dropout: Fraction,
    /// Whether deltas are scaled by `alpha / sqrt(r)`.
    pub rslora: bool,
    /// How A and B start.
    pub init: LowRankInit,
    /// Modules that get deltas.
    pub target_modules: Vec<String>,
    /// Parameters that get deltas, by the same rule: `mlp.experts.gate_up_proj` and `mlp.experts.down_proj` are
    /// the maps of all experts together, as transformers has them since version 5.
    pub target_parameters: Vec<String>,
    /// The rank of modules whose names match, in place of `r`.
    pub rank_pattern: BTreeMap<String, NonZeroUsize>,
    /// The alpha of modules whose names match, in place of `alpha`.
    pub alpha_pattern: BTreeMap<String, PositiveF64>,
    /// Modules that are trained and saved whole, by the rule of `target-modules`; they get no delta.
    pub modules_to_save: Vec<String>,
}

impl Default for LoraConfig {
    fn default() -> Self {
        Self {
            r: NonZeroUsize::new(8).expect("not zero"),
            alpha: PositiveF64::new(8.0),
            dropout: Fraction::new(0.0),
            rslora: false,
            init: LowRankInit::default(),
            target_modules: Vec::new(),
            target_parameters: Vec::new(),
            rank_pattern: BTreeMap::new(),
            alpha_pattern: BTreeMap::new(),
            modules_to_save: Vec::new(),
        }
    }
}

impl LoraConfig {
    /// The defaults of PEFT, of these modules.
    #[must_use]
    pub fn of(target_modules: &[&str]) -> Self {
        Self {
            target_modules: target_modules.iter().map(ToString::to_string).collect(),
            ..Self::default()
        }
    }

    /// Whether `target-modules` takes the module of this name.
    #[must_use]
    pub fn targets(&self, module: &str) -> bool {
        let mut entries = self.target_modules.iter();
        entries.any(|entry| takes(entry, module))
    }

    /// A delta of this rank and alpha, the one of this number in a model.
    pub(crate) fn delta(&self, rank: usize, alpha: f64, number: usize) -> LowRankConfig {
        LowRankConfig {
            rank,
            scale: LowRankConfig::scale(alpha, rank, self.rslora),
            dropout: self.dropout.get(),
            init: self.init,
            place: place(number),
        }
    }
}

/// What the dropout of the adapter of this number adds to the seed of a pass. An odd constant, so that places keep
/// away from the numbers that layers add.
pub(crate) const fn place(number: usize) -> u64 {
    (number as u64 + 1).wrapping_mul(0xd6e8_feb8_6659_fd93)
}
