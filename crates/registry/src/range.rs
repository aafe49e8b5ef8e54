//! Numbers that have a range: the type says it, and reading one says what was wrong.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A number outside the range of its type.
#[derive(Debug, Clone, PartialEq)]
pub struct OutOfRange {
    expected: &'static str,
    got: f64,
}

impl std::fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "must be {}, got {}", self.expected, self.got)
    }
}

impl std::error::Error for OutOfRange {}

macro_rules! ranged {
    ($(#[$meta:meta])* $name:ident, $expected:literal, $value:ident => $test:expr, $schema:tt) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            /// A number known to be in range.
            ///
            /// # Panics
            ///
            /// Outside the range; what a person wrote is read through `TryFrom`.
            #[must_use]
            pub const fn new($value: f64) -> Self {
                assert!($test, $expected);
                Self($value)
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = OutOfRange;

            fn try_from($value: f64) -> Result<Self, OutOfRange> {
                if $test { Ok(Self($value)) } else { Err(OutOfRange { expected: $expected, got: $value }) }
            }
        }

        impl From<$name> for f64 {
            fn from(value: $name) -> f64 {
                value.0
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

ranged!(
    /// A finite number greater than zero.
    PositiveF64,
    "a finite number greater than 0",
    value => value > 0.0 && value < f64::INFINITY,
    { "type": "number", "exclusiveMinimum": 0 }
);

ranged!(
    /// A number from 0 to 1.
    Probability,
    "a number from 0 to 1",
    value => matches!(value, 0.0..=1.0),
    { "type": "number", "minimum": 0, "maximum": 1 }
);

ranged!(
    /// A part of something that is never all of it: a number from 0 to below 1.
    Fraction,
    "a number from 0 to below 1",
    value => matches!(value, 0.0..1.0),
    { "type": "number", "minimum": 0, "exclusiveMaximum": 1 }
);

ranged!(
    /// A finite number that is not negative.
    NonNegativeF64,
    "a finite number of at least 0",
    value => matches!(value, 0.0..f64::INFINITY),
    { "type": "number", "minimum": 0 }
);
