//! Which settings two trials have otherwise.

use std::collections::BTreeSet;

use runstore::tables::TrialRow;
use serde::Serialize;
use serde_json::{Map, Value};

/// A setting that two trials have otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The dotted path, as sweep files and `--set` spell it.
    pub path: String,
    /// The value on the first side; `None` where it is left out, and has its default.
    pub a: Option<Value>,
    /// The value on the second side.
    pub b: Option<Value>,
}

/// The settings of a row, without its job and its seed.
pub fn question(row: &TrialRow) -> Value {
    let document: Value = serde_json::from_str(&row.settings).unwrap_or_default();
    match document {
        Value::Object(mut fields) if fields.contains_key("settings") => {
            fields.remove("settings").unwrap_or_default()
        }
        other => other,
    }
}

/// What differs between the settings of two trials, by path. A variant that is another is one change, of the setting
/// that names it, and so is a list.
pub fn changes(a: &Value, b: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    collect(a, b, "", &mut found);
    found
}

fn collect(a: &Value, b: &Value, path: &str, found: &mut Vec<Change>) {
    match (a, b) {
        _ if a == b => {}
        (Value::Object(own), Value::Object(other)) if !other_variant(own, other) => {
            let names: BTreeSet<&String> = own.keys().chain(other.keys()).collect();
            for name in names {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                match (own.get(name), other.get(name)) {
                    (Some(a), Some(b)) => collect(a, b, &path, found),
                    (a, b) => found.push(Change {
                        path,
                        a: a.cloned(),
                        b: b.cloned(),
                    }),
                }
            }
        }
        _ => found.push(Change {
            path: path.to_owned(),
            a: Some(a.clone()),
            b: Some(b.clone()),
        }),
    }
}

/// Whether two tables are variants of one setting, which are tables of one key each.
fn other_variant(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    a.len() == 1 && b.len() == 1 && a.keys().ne(b.keys())
}

/// A value as people write it: `top1`, `hash(table=balanced)`, `switch(alpha=0.01)+z-loss`, `none`, `0.5`.
pub fn spelled(value: &Value) -> String {
    match value {
        Value::Object(member) if member.len() == 1 => {
            let (name, inner) = member.iter().next().expect("there is one");
            match inner {
                Value::Object(fields) if fields.is_empty() => name.clone(),
                Value::Object(fields) => format!("{name}({})", pairs(fields)),
                other => format!("{name}={}", spelled(other)),
            }
        }
        Value::Object(fields) => pairs(fields),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => {
            let apart = if items.iter().all(Value::is_object) {
                "+"
            } else {
                ", "
            };
            let items: Vec<String> = items.iter().map(spelled).collect();
            items.join(apart)
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn pairs(fields: &Map<String, Value>) -> String {
    let pairs = fields.iter();
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{name}={}", spelled(value)))
        .collect();
    pairs.join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(a: Value, b: Value) -> Vec<(String, String, String)> {
        let side = |value: Option<&Value>| value.map_or_else(|| "-".to_owned(), spelled);
        let told = |change: Change| {
            (
                change.path.clone(),
                side(change.a.as_ref()),
                side(change.b.as_ref()),
            )
        };
        changes(&a, &b).into_iter().map(told).collect()
    }

    fn change(path: &str, a: &str, b: &str) -> (String, String, String) {
        (path.to_owned(), a.to_owned(), b.to_owned())
    }

    #[test]
    fn another_variant_is_one_change_and_a_parameter_of_the_same_is_another() {
        let strategy = |strategy: Value| json!({ "router": { "strategy": strategy } });
        let hash = |table: &str| strategy(json!({ "hash": { "table": table } }));
        assert_eq!(
            found(strategy(json!({ "top1": {} })), hash("balanced")),
            [change("router.strategy", "top1", "hash(table=balanced)")]
        );
        assert_eq!(
            found(hash("random"), hash("balanced")),
            [change("router.strategy.hash.table", "random", "balanced")]
        );
        assert_eq!(found(hash("random"), hash("random")), []);
    }

    #[test]
    fn lists_are_one_setting_and_what_is_left_out_has_no_value() {
        let a = json!({ "moe": { "chain": 2, "k": 1 }, "router": { "balancers": [] } });
        let b = json!({ "moe": { "k": 1 },
            "router": { "balancers": [{ "switch": { "alpha": 0.01 } }, { "z-loss": {} }] } });
        assert_eq!(
            found(a, b),
            [
                change("moe.chain", "2", "-"),
                change("router.balancers", "none", "switch(alpha=0.01)+z-loss"),
            ]
        );
    }

    #[test]
    fn the_question_of_a_row_is_its_settings() {
        let row = TrialRow {
            settings: r#"{"job":"train","seed":1,"settings":{"moe":{"k":2}}}"#.to_owned(),
            ..TrialRow::default()
        };
        assert_eq!(question(&row), json!({ "moe": { "k": 2 } }));
    }
}
