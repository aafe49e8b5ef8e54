//! Whole numbers that have a largest value: of things that are made before anything is known of them.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};

/// A whole number from 1 to `MOST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Count<const MOST: usize>(usize);

impl<const MOST: usize> Count<MOST> {
    /// A number known to be in range.
    ///
    /// # Panics
    ///
    /// Outside the range; what a person wrote is read by serde.
    #[must_use]
    pub const fn new(value: usize) -> Self {
        assert!(value >= 1 && value <= MOST, "a count out of range");
        Self(value)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0
    }
}

impl<const MOST: usize> fmt::Display for Count<MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MOST: usize> Serialize for Count<MOST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, const MOST: usize> Deserialize<'de> for Count<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(Whole::<MOST>)
    }
}

struct Whole<const MOST: usize>;

impl<const MOST: usize> Whole<MOST> {
    fn of<E: Error>(value: impl TryInto<usize> + fmt::Display + Copy) -> Result<Count<MOST>, E> {
        match value.try_into() {
            Ok(number) if number >= 1 && number <= MOST => Ok(Count(number)),
            _ => Err(E::custom(format_args!(
                "must be a whole number from 1 to {MOST}, got {value}"
            ))),
        }
    }
}

impl<const MOST: usize> Visitor<'_> for Whole<MOST> {
    type Value = Count<MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from 1 to {MOST}")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Self::of(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Self::of(value)
    }
}

impl<const MOST: usize> JsonSchema for Count<MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("CountTo{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": MOST })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        number: Count<100>,
    }

    fn read(text: &str) -> Result<usize, String> {
        toml::from_str::<File>(&format!("number = {text}"))
            .map(|file| file.number.get())
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_count_ends_where_it_says() {
        assert_eq!((read("1"), read("100")), (Ok(1), Ok(100)));
        for outside in ["0", "-1", "101", "9223372036854775807"] {
            let expected = format!("must be a whole number from 1 to 100, got {outside}");
            assert_eq!(read(outside), Err(expected));
        }
        let message = read("1.5").unwrap_err();
        assert!(
            message.contains("a whole number from 1 to 100"),
            "{message}"
        );
        assert_eq!(serde_json::to_string(&Count::<100>::new(7)).unwrap(), "7");
    }
}
