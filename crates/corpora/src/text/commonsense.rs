//! commonsense_170k: questions with answers, rendered as documents.

use std::path::Path;

use super::{SEPARATOR, Texts};
use crate::{
    CorpusError,
    instructions::{Instruction, read_instructions},
};

/// One record in this many goes to validation, on average.
const VALID_ONE_IN: u64 = 10;

/// Renders every record and splits them.
///
/// A record is in the validation text if the first eight bytes of the blake3 of its instruction,
/// as a little-endian number, divide by ten. So the split does not depend on the order of the
/// file, and a question that occurs twice is on one side only.
pub(super) fn render(json: &str, path: &Path) -> Result<Texts, CorpusError> {
    let mut texts = Texts {
        train: String::new(),
        valid: String::new(),
    };
    for record in &read_instructions(json, path)? {
        let side = if is_valid(record) {
            &mut texts.valid
        } else {
            &mut texts.train
        };
        write(side, record);
    }
    Ok(texts)
}

fn is_valid(record: &Instruction) -> bool {
    let hash = blake3::hash(record.instruction.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first).is_multiple_of(VALID_ONE_IN)
}

/// The headings are those of LLM-Adapters; the sentence above them is this project's own.
fn write(text: &mut String, record: &Instruction) {
    let Instruction {
        instruction,
        input,
        output,
        ..
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
