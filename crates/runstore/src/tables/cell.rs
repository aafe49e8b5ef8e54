//! What one cell of a table may hold.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The types that columns have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    /// UTF-8 text.
    Text,
    /// A whole number from 0 up, 64 bits.
    U64,
    /// A finite 64-bit floating-point number.
    F64,
    /// True or false.
    Bool,
}

impl fmt::Display for ColumnKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Text => "text",
            Self::U64 => "u64",
            Self::F64 => "f64",
            Self::Bool => "bool",
        })
    }
}

/// The content of one cell, whatever its column's type.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Not measured.
    Null,
    /// A cell of a text column.
    Text(String),
    /// A cell of a `u64` column.
    U64(u64),
    /// A cell of an `f64` column.
    F64(f64),
    /// A cell of a `bool` column.
    Bool(bool),
}

impl Value {
    /// True when nothing was measured.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The number in an `f64` or `u64` cell.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::F64(x) => Some(*x),
            Self::U64(x) => Some(*x as f64),
            _ => None,
        }
    }

    /// What the cell holds, in the words of error messages.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Text(_) => "text",
            Self::U64(_) => "u64",
            Self::F64(_) => "f64",
            Self::Bool(_) => "bool",
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.pad("null"),
            Self::Text(x) => f.pad(x),
            Self::U64(x) => fmt::Display::fmt(x, f),
            Self::F64(x) => fmt::Display::fmt(x, f),
            Self::Bool(x) => fmt::Display::fmt(x, f),
        }
    }
}

/// A Rust type that a field of a row may have.
pub trait Cell: Sized {
    /// The column's type.
    const KIND: ColumnKind;
    /// Whether the column may hold nulls.
    const NULLABLE: bool;

    /// The cell's content; a nullable number that is not finite is null.
    fn to_value(&self) -> Value;

    /// Reads the cell back; `None` when the value has another type or is a null not allowed here.
    fn from_value(value: Value) -> Option<Self>;
}

macro_rules! cell {
    ($ty:ty, $kind:ident) => {
        impl Cell for $ty {
            const KIND: ColumnKind = ColumnKind::$kind;
            const NULLABLE: bool = false;

            fn to_value(&self) -> Value {
                Value::$kind(Clone::clone(self))
            }

            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::$kind(x) => Some(x),
                    _ => None,
                }
            }
        }

        impl Cell for Option<$ty> {
            const KIND: ColumnKind = ColumnKind::$kind;
            const NULLABLE: bool = true;

            fn to_value(&self) -> Value {
                Clone::clone(self).map_or(Value::Null, Value::$kind)
            }

            fn from_value(value: Value) -> Option<Self> {
                match value {
                    Value::$kind(x) => Some(Some(x)),
                    Value::Null => Some(None),
                    _ => None,
                }
            }
        }
    };
}

cell!(String, Text);
cell!(u64, U64);
cell!(bool, Bool);

/// There is no cell of plain `f64`: a number that is not finite must have a null to become.
impl Cell for Option<f64> {
    const KIND: ColumnKind = ColumnKind::F64;
    const NULLABLE: bool = true;

    fn to_value(&self) -> Value {
        match self {
            Some(x) if x.is_finite() => Value::F64(*x),
            _ => Value::Null,
        }
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::F64(x) => Some(Some(x)),
            Value::Null => Some(None),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_not_finite_is_null() {
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Some(x).to_value(), Value::Null);
        }
        assert_eq!(Some(0.5).to_value(), Value::F64(0.5));
    }

    #[test]
    fn a_null_does_not_fit_a_column_that_allows_none() {
        assert_eq!(String::from_value(Value::Null), None);
        assert_eq!(Option::<String>::from_value(Value::Null), Some(None));
    }

    #[test]
    fn a_cell_of_another_type_does_not_fit() {
        assert_eq!(u64::from_value(Value::F64(1.0)), None);
        assert_eq!(Option::<bool>::from_value(Value::Text("true".into())), None);
    }
}
