//! commonsense_170k: a JSON array of questions with answers, rendered as documents.

use std::{fmt, path::Path};

use serde::{
    Deserialize,
    de::{Deserializer, Error, SeqAccess, Visitor},
};

use super::{SEPARATOR, Texts};
use crate::CorpusError;

/// One record in this many goes to validation, on average.
const VALID_ONE_IN: u64 = 10;

#[derive(Debug, Deserialize)]
struct Record {
    instruction: String,
    #[serde(default)]
    input: String,
    output: String,
}

/// Renders every record and splits them.
///
/// A record is in the validation text if the first eight bytes of the blake3 of its instruction,
/// as a little-endian number, divide by ten. So the split does not depend on the order of the
/// file, and a question that occurs twice is on one side only.
pub(super) fn render(json: &str, path: &Path) -> Result<Texts, CorpusError> {
    let records: Records = serde_json::from_str(json).map_err(|error| CorpusError::Records {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let mut texts = Texts {
        train: String::new(),
        valid: String::new(),
    };
    for record in &records.0 {
        let side = if is_valid(record) {
            &mut texts.valid
        } else {
            &mut texts.train
        };
        write(side, record);
    }
    Ok(texts)
}

fn is_valid(record: &Record) -> bool {
    let hash = blake3::hash(record.instruction.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first).is_multiple_of(VALID_ONE_IN)
}

/// The headings are those of LLM-Adapters; the sentence above them is this project's own.
fn write(text: &mut String, record: &Record) {
    let Record {
        instruction,
        input,
        output,
    } = record;
    if input.is_empty() {
        *text += "Here is a task. Write an answer that completes it.\n\n";
    } else {
        *text += "Here is a task, with more information. Write an answer that completes it.\n\n";
    }
    *text += "### Instruction:\n";
    *text += instruction;
    if !input.is_empty() {
        *text += "\n\n### Input:\n";
        *text += input;
    }
    *text += "\n\n### Response:\n";
    *text += output;
    *text += "\n";
    *text += SEPARATOR;
    *text += "\n";
}

/// The records, read one by one so that a bad one can be numbered.
struct Records(Vec<Record>);

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
        render(json, Path::new("c.json")).unwrap_err().to_string()
    }

    #[test]
    fn a_record_becomes_a_document() {
        let json = r#"[{"instruction": "Is it?", "input": "", "output": "yes", "answer": "yes"}]"#;
        let texts = render(json, Path::new("c.json")).unwrap();
        let document = "Here is a task. Write an answer that completes it.\n\n\
            ### Instruction:\nIs it?\n\n### Response:\nyes\n<|endoftext|>\n";
        assert_eq!(texts.train + &texts.valid, document);
        let json = r#"[{"instruction": "Is it?", "input": "this", "output": "yes"}]"#;
        let texts = render(json, Path::new("c.json")).unwrap();
        assert!((texts.train + &texts.valid).contains("\n\n### Input:\nthis\n\n### Response:\n"));
    }

    #[test]
    fn the_split_ignores_order_and_keeps_equal_questions_together() {
        let records: Vec<_> = (0..200)
            .map(|n| format!(r#"{{"instruction": "q{}", "output": "a{n}"}}"#, n % 100))
            .collect();
        let texts = render(&format!("[{}]", records.join(",")), Path::new("c.json")).unwrap();
        assert!(!texts.valid.is_empty());
        for n in 0..100 {
            let question = format!("Instruction:\nq{n}\n");
            let counts = (
                texts.train.matches(&question).count(),
                texts.valid.matches(&question).count(),
            );
            assert!(counts == (2, 0) || counts == (0, 2), "{counts:?}");
        }
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
