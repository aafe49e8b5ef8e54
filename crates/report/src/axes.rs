//! Which settings vary in a sweep, and what to call them.
//!
//! The tables name every setting in a column of its own, so an axis of a sweep is a column with more than one value.
//! A column that merely follows another says nothing new and is no axis: with `top1` in a sweep of strategies, k
//! varies because the strategy does. A setting without a column (a balancer's alpha) is found in the settings' JSON.

mod labels;

use std::collections::{BTreeMap, BTreeSet};

use runstore::tables::{Row, TrialRow, Value};

pub(crate) use labels::{axis_label, value_label};

use super::format::plain;
use super::names::{NamedRow, Names};

/// Settings columns in the order in which they name a cell, most telling first. `capacity_factor` is last of the
/// routing settings since it is the abscissa of many figures.
const ORDER: [&str; 42] = [
    "corpus",
    "tokenizer",
    "model",
    "router",
    "strategy",
    "scorer",
    "initial_logit_std",
    "student",
    "adapter",
    "balancer",
    "experts",
    "top_k",
    "k_by_layer",
    "load_shape",
    "packing",
    "dispatch",
    "drop_policy",
    "renormalise",
    "capacity_factor",
    "eval_capacity_factor",
    "precision",
    "layers",
    "dim",
    "heads",
    "ffn_dim",
    "sequence",
    "batch",
    "steps",
    "learning_rate",
    "warmup",
    "weight_decay",
    "dropout",
    "tokens",
    "base_model",
    "rounding",
    "group_size",
    "act_order",
    "symmetric",
    "calibration_tokens",
    "hidden_source",
    "input_scale",
    "expert_init",
];

/// The strategies in the order in which readers expect them; others follow by name.
const STRATEGIES: [&str; 8] = [
    "top1",
    "hard-top-k",
    "soft-top-k",
    "hash",
    "expert-choice",
    "random",
    "dense-active-1",
    "dense-active-2",
];

/// Whether a strategy is none, but a network without routing to compare with.
pub(crate) fn is_dense(strategy: &str) -> bool {
    strategy.starts_with("dense-")
}

/// A cell's value on an axis: what it is, and where it sorts.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// As it stands in the settings: `soft-top-k`, `1.25`.
    pub text: String,
    /// The number, where it is one.
    pub number: Option<f64>,
}

impl Setting {
    /// What a column of the row holds, or the short name that its job has in the place of that; of a dotted path,
    /// what its document has there.
    pub(crate) fn of(row: &TrialRow, names: &Names, column: &str) -> Self {
        if column.contains('.') {
            return Self::written(leaves(&document(row)).remove(column));
        }
        if let Some(text) = names.get(column).cloned() {
            return Self { text, number: None };
        }
        let value = row.value(column).unwrap_or(Value::Null);
        let number = value.number();
        let text = match (&value, number) {
            (Value::Null, _) => "none".to_owned(),
            (_, Some(number)) => plain(number),
            (other, None) => other.to_string(),
        };
        Self { text, number }
    }

    /// What a document says, or that it says nothing.
    pub(super) fn written(text: Option<String>) -> Self {
        let text = text.unwrap_or_else(|| "none".to_owned());
        let number = text.parse().ok();
        Self { text, number }
    }

    /// Numbers by size, strategies as readers expect them, everything else by name.
    pub fn order(&self, other: &Self) -> std::cmp::Ordering {
        let rank = |text: &str| {
            STRATEGIES
                .iter()
                .position(|&name| name == text)
                .unwrap_or(STRATEGIES.len())
        };
        match (self.number, other.number) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => rank(&self.text)
                .cmp(&rank(&other.text))
                .then_with(|| parts(&self.text).cmp(&parts(&other.text))),
        }
    }
}

impl NamedRow<'_> {
    /// What the row has in that column, or its short name there.
    pub(crate) fn setting(&self, column: &str) -> Setting {
        Setting::of(self.row, &self.names, column)
    }
}

/// A name as it sorts: its whole numbers by size, so that `r 8` comes before `r 16`.
fn parts(text: &str) -> Vec<(bool, u64, &str)> {
    let is_digit = |character: char| character.is_ascii_digit();
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(is_digit).len();
        let number = rest[..digits].parse().unwrap_or(0);
        let after = &rest[digits..];
        let end = after.find(is_digit).unwrap_or(after.len());
        // Digits come before letters, as they do by their codes.
        parts.push((digits == 0, number, &after[..end]));
        rest = &after[end..];
    }
    parts
}

/// The document of a row's settings.
pub(super) fn document(row: &TrialRow) -> serde_json::Value {
    serde_json::from_str(&row.settings).unwrap_or_default()
}

/// The columns of which the rows hold more than one value, without those that follow from earlier ones.
pub(crate) fn varying_columns(rows: &[NamedRow<'_>]) -> Vec<&'static str> {
    let mut axes: Vec<&'static str> = Vec::new();
    for column in ORDER.into_iter().chain(["width"]) {
        let mut by_earlier: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
        for row in rows.iter().filter(|row| has(row, column)) {
            let earlier = axes.iter().map(|axis| row.setting(axis).text).collect();
            by_earlier
                .entry(earlier)
                .or_default()
                .insert(row.setting(column).text);
        }
        if by_earlier.values().any(|values| values.len() > 1) {
            axes.push(column);
        }
    }
    axes
}

/// Whether the row has the setting: a dense network has none of routing. That nothing limits an
/// evaluation is a setting too, and so is that a scorer starts as it does.
fn has(own: &NamedRow<'_>, column: &str) -> bool {
    column == "eval_capacity_factor"
        || (column == "initial_logit_std" && own.row.scorer.is_some())
        || own.names.contains_key(column)
        || own.row.value(column).is_some_and(|value| !value.is_null())
}

/// The leaves of a settings document, by dotted path.
pub fn leaves(settings: &serde_json::Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    collect(settings, "", &mut found);
    found
}

fn collect(value: &serde_json::Value, path: &str, found: &mut BTreeMap<String, String>) {
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match value {
        serde_json::Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                collect(field, &below(name), found);
            }
        }
        serde_json::Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &below(&index.to_string()), found);
            }
        }
        serde_json::Value::String(text) => {
            found.insert(path.to_owned(), text.clone());
        }
        other => {
            found.insert(path.to_owned(), other.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(strategy: &str, k: u64, cf: f64) -> TrialRow {
        TrialRow {
            strategy: Some(strategy.to_owned()),
            top_k: Some(k),
            capacity_factor: Some(cf),
            ..TrialRow::default()
        }
    }

    #[test]
    fn a_column_that_follows_another_is_no_axis() {
        let rows = [
            row("top1", 1, 1.0),
            row("soft-top-k", 2, 1.0),
            row("soft-top-k", 2, 1.25),
        ];
        assert_eq!(
            varying_columns(&rows.each_ref().map(NamedRow::plain)),
            ["strategy", "capacity_factor"]
        );
    }

    #[test]
    fn k_is_an_axis_where_it_varies_by_itself() {
        let rows = [
            row("top1", 1, 1.0),
            row("soft-top-k", 2, 1.0),
            row("soft-top-k", 4, 1.0),
        ];
        assert_eq!(
            varying_columns(&rows.each_ref().map(NamedRow::plain)),
            ["strategy", "top_k"]
        );
    }

    #[test]
    fn numbers_sort_by_size_and_strategies_as_expected() {
        let setting = |text: &str, number| Setting {
            text: text.to_owned(),
            number,
        };
        let mut numbers = [setting("16", Some(16.0)), setting("8", Some(8.0))];
        numbers.sort_by(Setting::order);
        assert_eq!(numbers[0].text, "8");
        let mut names = [
            setting("a-new-one", None),
            setting("hash", None),
            setting("top1", None),
        ];
        names.sort_by(Setting::order);
        assert_eq!(names.map(|name| name.text), ["top1", "hash", "a-new-one"]);
    }

    #[test]
    fn numbers_in_names_sort_by_size() {
        let mut names = ["r 16", "r 8", "none", "r", "8", "q r 8"];
        names.sort_by(|a, b| parts(a).cmp(&parts(b)));
        assert_eq!(names, ["8", "none", "q r 8", "r", "r 8", "r 16"]);
    }

    #[test]
    fn settings_without_a_column_are_found_in_the_document() {
        let settings =
            serde_json::json!({ "router": { "balancers": [{ "switch": { "alpha": 0.01 } }] } });
        let found = leaves(&settings);
        assert_eq!(found["router.balancers.0.switch.alpha"], "0.01");
    }
}
