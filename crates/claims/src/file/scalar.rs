//! One value of a column or a setting, as queries compare it.

use std::cmp::Ordering;
use std::fmt;

use runstore::tables::Value;

/// The word that stands for "no value" in a query.
pub(crate) const ABSENT: &str = "absent";

/// A value of a column or a setting. Whole and other numbers are one kind, so that `1` finds `1.0`.
#[derive(Debug, Clone)]
pub enum Scalar {
    /// No value.
    Absent,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

impl Scalar {
    /// The value in a cell of a table.
    pub(crate) fn of_cell(value: Value) -> Self {
        match value {
            Value::Null => Self::Absent,
            Value::Text(text) => Self::Text(text),
            Value::U64(number) => Self::Number(number as f64),
            Value::F64(number) => Self::Number(number),
            Value::Bool(value) => Self::Bool(value),
        }
    }

    /// The value of a resolved setting. A member of a family, `{ hash = { ... } }`, is its name; a list is its members
    /// joined by `+`, and `none` where it is empty, as in the columns of trials.
    pub(crate) fn of_setting(value: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match value {
            Json::Null => Self::Absent,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => number.as_f64().map_or(Self::Absent, Self::Number),
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(items) if items.is_empty() => Self::Text("none".to_owned()),
            Json::Array(items) => {
                let names = items.iter().map(|item| Self::of_setting(item).to_string());
                Self::Text(names.collect::<Vec<_>>().join("+"))
            }
            Json::Object(members) if members.len() == 1 => members
                .keys()
                .next()
                .map_or(Self::Absent, |name| Self::Text(name.clone())),
            Json::Object(_) => Self::Text("a table".to_owned()),
        }
    }

    /// What a query writes.
    pub(crate) fn of_toml(value: &toml::Value) -> Option<Self> {
        Some(match value {
            toml::Value::String(text) if text == ABSENT => Self::Absent,
            toml::Value::String(text) => Self::Text(text.clone()),
            toml::Value::Integer(number) => Self::Number(*number as f64),
            toml::Value::Float(number) => Self::Number(*number),
            toml::Value::Boolean(value) => Self::Bool(*value),
            _ => return None,
        })
    }

    /// The number, where it is one.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Absent => 0,
            Self::Bool(_) => 1,
            Self::Number(_) => 2,
            Self::Text(_) => 3,
        }
    }
}

/// By kind, then by value: numbers stand in their order, so that neighbours on an axis are neighbours.
impl Ord for Scalar {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.kind().cmp(&other.kind()),
        }
    }
}

impl PartialOrd for Scalar {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scalar {}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.pad(ABSENT),
            Self::Bool(value) => fmt::Display::fmt(value, f),
            Self::Number(number) => fmt::Display::fmt(number, f),
            Self::Text(text) => f.pad(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_read_as_the_columns_have_them() {
        let text = |value| Scalar::of_setting(&value).to_string();
        assert_eq!(text(json!({ "hash": { "table": "balanced" } })), "hash");
        assert_eq!(
            text(json!([{ "importance": {} }, "load"])),
            "importance+load"
        );
        assert_eq!(text(json!([])), "none");
        assert_eq!(Scalar::of_setting(&json!(2)), Scalar::Number(2.0));
        assert_eq!(Scalar::of_setting(&json!(null)), Scalar::Absent);
    }

    #[test]
    fn numbers_stand_in_their_order_and_whole_ones_are_numbers() {
        let mut values = [
            Scalar::Number(16.0),
            Scalar::Number(8.0),
            Scalar::Absent,
            Scalar::Number(32.0),
        ];
        values.sort();
        let shown = values.map(|value| value.to_string());
        assert_eq!(shown, ["absent", "8", "16", "32"]);
        assert_eq!(
            Scalar::of_cell(Value::U64(1)),
            Scalar::of_toml(&toml::Value::Float(1.0)).unwrap()
        );
    }
}
