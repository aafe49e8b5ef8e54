//! A capacity factor, or the word "none".

use std::{borrow::Cow, fmt};

use registry::PositiveF64;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};

/// A capacity factor, or none: nothing is dropped. In TOML a number above 0 or the word `"none"`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CapacityLimit(pub Option<PositiveF64>);

impl CapacityLimit {
    const NONE: &'static str = "none";

    /// The factor, where there is one.
    #[must_use]
    pub fn factor(self) -> Option<f64> {
        self.0.map(PositiveF64::get)
    }
}

impl Serialize for CapacityLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.factor() {
            Some(factor) => serializer.serialize_f64(factor),
            None => serializer.serialize_str(Self::NONE),
        }
    }
}

impl<'de> Deserialize<'de> for CapacityLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrNone)
    }
}

struct NumberOrNone;

fn refused<E: Error>(got: &dyn fmt::Display) -> E {
    E::custom(format_args!(
        "must be a number above 0 or \"none\", got {got}"
    ))
}

impl Visitor<'_> for NumberOrNone {
    type Value = CapacityLimit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number above 0 or \"none\"")
    }

    fn visit_f64<E: Error>(self, factor: f64) -> Result<CapacityLimit, E> {
        let factor = PositiveF64::try_from(factor).map_err(|_| refused(&factor))?;
        Ok(CapacityLimit(Some(factor)))
    }

    fn visit_i64<E: Error>(self, factor: i64) -> Result<CapacityLimit, E> {
        self.visit_f64(factor as f64)
    }

    fn visit_u64<E: Error>(self, factor: u64) -> Result<CapacityLimit, E> {
        self.visit_f64(factor as f64)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<CapacityLimit, E> {
        if word == CapacityLimit::NONE {
            Ok(CapacityLimit(None))
        } else {
            Err(refused(&format_args!("{word:?}")))
        }
    }
}

impl JsonSchema for CapacityLimit {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "CapacityLimit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "number", "exclusiveMinimum": 0 },
                { "type": "string", "enum": [Self::NONE] },
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::MoeConfig;

    fn read(value: &str) -> Result<MoeConfig, toml::de::Error> {
        toml::from_str(&format!("eval-capacity-factor = {value}"))
    }

    #[test]
    fn a_number_or_the_word_none() {
        let factor = |value| read(value).expect(value).eval_capacity_factor.factor();
        assert_eq!(factor("1.25"), Some(1.25));
        assert_eq!(factor("2"), Some(2.0));
        assert_eq!(factor("\"none\""), None);
        assert_eq!(MoeConfig::default().eval_capacity_factor.factor(), None);
    }

    #[test]
    fn it_is_written_whatever_it_is() {
        for value in ["1.25", "\"none\""] {
            let written = toml::to_string(&read(value).expect(value)).expect("TOML");
            let line = format!("eval-capacity-factor = {value}\n");
            assert!(written.contains(&line), "{written}");
            assert_eq!(toml::from_str::<MoeConfig>(&written).ok(), read(value).ok());
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_remedy() {
        for (value, got) in [
            ("0", "0"),
            ("-1.5", "-1.5"),
            ("inf", "inf"),
            ("\"all\"", "\"all\""),
        ] {
            let error = read(value).expect_err(value).to_string();
            let expected = format!("must be a number above 0 or \"none\", got {got}");
            assert!(error.contains(&expected), "{error}");
        }
        let error = read("true").expect_err("a truth").to_string();
        assert!(error.contains("a number above 0 or \"none\""), "{error}");
    }
}
