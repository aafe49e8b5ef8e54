//! Values of axes as people read them.

use serde::Serialize;
use serde_json::Value;
use toml::{Spanned, de::DeValue};

use super::source::Node;
use crate::schema::SettingsSchema;

/// One value of one axis, as people read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AxisValue {
    /// The axis' name in the file.
    pub(crate) axis: String,
    /// What it is in this trial.
    pub(crate) value: String,
}

/// The value at a dotted path.
pub(crate) fn value_at<'a>(json: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(json, |json, key| json.get(key))
}

/// What stands for the value of an axis that a trial does not have.
pub(crate) const NO_VALUE: &str = "-";

/// An axis' value: what the settings resolved to, with the parameters that the file gives, if it does.
pub(crate) fn axis(
    json: &Value,
    path: &str,
    written: Option<&Node>,
    schema: &SettingsSchema,
) -> String {
    match (value_at(json, path), written.map(Spanned::get_ref)) {
        (Some(read), _) => value(read, written),
        // The usual value, which settings leave out, or one resolved into others, as a profile is.
        (None, Some(DeValue::Table(table))) if table.len() == 1 => {
            let name = table.keys().next().expect("there is one key");
            name.get_ref().to_string()
        }
        (None, Some(_)) => written.map_or_else(String::new, plain),
        (None, None) => match schema.default_at(path) {
            Some(usual) => value(usual, None),
            None => NO_VALUE.to_owned(),
        },
    }
}

/// A value: `0.5`, `top1`, `zipf(exponent=1.2)`, `switch+z`, `none`.
pub(crate) fn value(read: &Value, written: Option<&Node>) -> String {
    let written = written.map(Spanned::get_ref);
    match read {
        Value::Object(member) if member.len() == 1 => {
            let name = member.keys().next().expect("there is one key");
            let parameters = match written {
                Some(DeValue::Table(table)) => table.values().next().map(parameters),
                _ => None,
            };
            format!("{name}{}", parameters.unwrap_or_default())
        }
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items)
            if items
                .iter()
                .all(|item| item.is_object() || item.is_string()) =>
        {
            let of = |index| match written {
                Some(DeValue::Array(written)) => written.get(index),
                _ => None,
            };
            let shown = items.iter().enumerate();
            let shown: Vec<_> = shown.map(|(index, read)| value(read, of(index))).collect();
            shown.join("+")
        }
        Value::Object(settings) => {
            let shown = settings.iter();
            let shown: Vec<_> = shown
                .map(|(key, read)| format!("{key}={}", value(read, None)))
                .collect();
            shown.join(" ")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn parameters(node: &Node) -> String {
    match node.get_ref() {
        DeValue::Table(table) if !table.is_empty() => {
            let shown: Vec<_> = table
                .iter()
                .map(|(key, value)| format!("{}={}", key.get_ref(), plain(value)))
                .collect();
            format!("({})", shown.join(" "))
        }
        _ => String::new(),
    }
}

fn plain(node: &Node) -> String {
    match node.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(value) => value.to_string(),
        DeValue::Array(items) => {
            let items: Vec<_> = items.iter().map(plain).collect();
            format!("[{}]", items.join(" "))
        }
        DeValue::Table(table) => {
            let items: Vec<_> = table
                .iter()
                .map(|(key, value)| format!("{}={}", key.get_ref(), plain(value)))
                .collect();
            format!("{{{}}}", items.join(" "))
        }
    }
}
