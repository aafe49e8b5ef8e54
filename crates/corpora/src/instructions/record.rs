//! The records of commonsense_170k and of its tests: a JSON array of instructions with their outputs.

use std::{fmt, path::Path};

use serde::{
    Deserialize,
    de::{Deserializer, Error, SeqAccess, Visitor},
};

use crate::CorpusError;

/// An instruction and what is to follow it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Instruction {
    /// What is asked.
    pub instruction: String,
    /// What it is asked about, where that stands apart.
    #[serde(default)]
    pub input: String,
    /// The response.
    pub output: String,
    /// What of the response decides whether it is right, where the record says it.
    #[serde(default)]
    pub answer: String,
}

/// The records of a file.
///
/// # Errors
///
/// [`CorpusError::Records`], which names the file and the number of the record.
pub(crate) fn read_instructions(json: &str, path: &Path) -> Result<Vec<Instruction>, CorpusError> {
    let records: Records = serde_json::from_str(json).map_err(|error| CorpusError::Records {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(records.0)
}

/// The records, read one by one so that a bad one can be numbered.
struct Records(Vec<Instruction>);

impl<'de> Deserialize<'de> for Records {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Numbered)
    }
}

struct Numbered;

impl<'de> Visitor<'de> for Numbered {
    type Value = Records;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Records, A::Error> {
        let mut records = Vec::new();
        loop {
            let number = records.len() + 1;
            match sequence.next_element() {
                Ok(Some(record)) => records.push(record),
                Ok(None) => return Ok(Records(records)),
                Err(error) => {
                    return Err(A::Error::custom(format_args!("record {number}: {error}")));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(json: &str) -> String {
        let error = read_instructions(json, Path::new("c.json")).unwrap_err();
        error.to_string()
    }

    #[test]
    fn what_a_record_need_not_have_is_empty() {
        let json = r#"[{"instruction": "Is it?", "output": "yes"}]"#;
        let records = read_instructions(json, Path::new("c.json")).unwrap();
        assert_eq!(
            records,
            [Instruction {
                instruction: "Is it?".into(),
                input: String::new(),
                output: "yes".into(),
                answer: String::new(),
            }]
        );
    }

    #[test]
    fn a_bad_record_is_numbered() {
        let message = error(r#"[{"instruction": "a", "output": "b"}, {"instruction": "a"}]"#);
        assert!(
            message.contains("record 2") && message.contains("output"),
            "{message}"
        );
        let message = error(r#"[{"instruction": "a", "output": "b"}, {"instr"#);
        assert!(
            message.contains("record 2") && message.contains("line 1"),
            "{message}"
        );
        let message = error(r#"{"instruction": "a"}"#);
        assert!(message.contains("an array of records"), "{message}");
    }
}
