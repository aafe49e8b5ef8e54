//! An amount of memory as people write it.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Whole mebibytes, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct MemorySize {
    mib: u64,
}

impl MemorySize {
    /// Mebibytes.
    pub(crate) const fn mib(self) -> u64 {
        self.mib
    }
}

impl FromStr for MemorySize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unit = |end: char| match end {
            'M' => Some(1),
            'G' => Some(1 << 10),
            'T' => Some(1 << 20),
            _ => None,
        };
        let mut digits = text.chars();
        let mib = digits.next_back().and_then(unit).and_then(|unit: u64| {
            let number: u64 = digits.as_str().parse().ok()?;
            number.checked_mul(unit).filter(|&mib| mib > 0)
        });
        match mib {
            Some(mib) => Ok(Self { mib }),
            None => Err(format!(
                "`{text}` is no amount of memory: give a whole number of M, G or T, such as \"800M\" or \"16G\""
            )),
        }
    }
}

impl TryFrom<String> for MemorySize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MemorySize> for String {
    fn from(size: MemorySize) -> Self {
        size.to_string()
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1 << 20, 'T'), (1 << 10, 'G')];
        let whole = units
            .iter()
            .find(|(unit, _)| self.mib.is_multiple_of(*unit));
        match whole {
            Some((unit, name)) => write!(f, "{}{name}", self.mib / unit),
            None => write!(f, "{}M", self.mib),
        }
    }
}

impl JsonSchema for MemorySize {
    fn schema_name() -> Cow<'static, str> {
        "MemorySize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+[MGT]$", "description": "An amount of memory, such as \"16G\"." })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_shown_in_the_largest_whole_unit() {
        for (text, mib, shown) in [
            ("800M", 800, "800M"),
            ("16G", 16_384, "16G"),
            ("2048M", 2_048, "2G"),
            ("1T", 1 << 20, "1T"),
        ] {
            let size: MemorySize = text.parse().unwrap();
            assert_eq!((size.mib(), size.to_string()), (mib, shown.to_owned()));
        }
        for text in [
            "",
            "G",
            "16",
            "0G",
            "-1G",
            "1.5G",
            "16GB",
            "99999999999999999T",
        ] {
            let error = text.parse::<MemorySize>().unwrap_err();
            assert!(error.contains("\"16G\""), "{text}: {error}");
        }
    }
}
