//! What a trial is called: a hash of the question that it answers.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::tables::SCHEMA_MAJOR;
use crate::{Error, canonical_json};

/// Hexadecimal digits shown of an id.
const SHOWN: usize = 12;

/// A trial's id: BLAKE3 over its resolved settings, the digests of its data and the schema major.
///
/// The same question has the same id everywhere. The code's version is no part of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrialId([u8; 32]);

impl TrialId {
    /// The id of the trial with these settings on data with these digests (name to digest).
    ///
    /// The settings must come from typed values by `serde_json::to_value`, not from parsed JSON
    /// text: serde_json may read a float one unit in the last place off.
    pub fn of(settings: &Value, data: &BTreeMap<String, String>) -> Self {
        let question = json!({ "data": data, "schema": SCHEMA_MAJOR, "settings": settings });
        Self(*blake3::hash(canonical_json(&question).as_bytes()).as_bytes())
    }

    /// The 12 digits that people see.
    pub fn short(&self) -> String {
        let mut digits = self.full();
        digits.truncate(SHOWN);
        digits
    }

    /// All 64 digits.
    pub fn full(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }
}

/// Shows the 12 digits that people see; [`TrialId::full`] gives all.
impl fmt::Display for TrialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.short())
    }
}

impl fmt::Debug for TrialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrialId({})", self.short())
    }
}

/// Reads all 64 digits; [`TrialRef`] reads what people type.
impl FromStr for TrialId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        blake3::Hash::from_hex(text)
            .map(|hash| Self(*hash.as_bytes()))
            .map_err(|_| Error::IdText {
                text: text.to_owned(),
            })
    }
}

impl Serialize for TrialId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.full())
    }
}

impl<'de> Deserialize<'de> for TrialId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// How people name a trial: the first digits of its id, or `latest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialRef {
    /// The trial that finished last.
    Latest,
    /// The trial whose id begins with these digits.
    Prefix(String),
}

impl FromStr for TrialRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        let digits = text.to_ascii_lowercase();
        let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if hexadecimal && (1..=64).contains(&digits.len()) {
            Ok(Self::Prefix(digits))
        } else {
            Err(Error::IdText {
                text: text.to_owned(),
            })
        }
    }
}

impl TrialRef {
    /// The one trial that is meant, of those known; `latest` is the one that finished last.
    ///
    /// # Errors
    ///
    /// [`Error::IdUnknown`] when no id fits, [`Error::IdAmbiguous`] when several do.
    pub fn pick(&self, known: &[TrialId], latest: Option<TrialId>) -> Result<TrialId, Error> {
        let prefix = match self {
            Self::Latest => {
                // It may have answered an older question, and then it is none of these.
                let known = latest.filter(|id| known.contains(id));
                return known.ok_or_else(|| Error::IdUnknown {
                    text: "latest".into(),
                });
            }
            Self::Prefix(prefix) => prefix,
        };
        let mut fits: Vec<_> = known
            .iter()
            .filter(|id| id.full().starts_with(prefix))
            .collect();
        fits.sort_unstable();
        fits.dedup();
        match fits[..] {
            [] => Err(Error::IdUnknown {
                text: prefix.clone(),
            }),
            [id] => Ok(*id),
            _ => Err(Error::IdAmbiguous {
                text: prefix.clone(),
                count: fits.len(),
                examples: fits
                    .iter()
                    .take(3)
                    .map(|id| id.short())
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }
}

/// One digest over the digests of all data that a trial reads; `None` when it reads none.
pub fn data_digest(data: &BTreeMap<String, String>) -> Option<String> {
    (!data.is_empty()).then(|| {
        blake3::hash(canonical_json(&json!(data)).as_bytes())
            .to_hex()
            .to_string()
    })
}
