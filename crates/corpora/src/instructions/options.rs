//! What the answer to a question can be.

use super::{Instruction, Task};

/// What stands before the answers that a question offers, which end it.
const FORMAT: &str = "Answer format: ";

/// The answers that a question of a task offers, in its own order, and which is right.
///
/// # Errors
///
/// What is wrong with the record, in words.
pub(super) fn options(
    record: &Instruction,
    task: Task,
) -> Result<(Vec<&'static str>, usize), String> {
    let (_, format) = record
        .instruction
        .rsplit_once(FORMAT)
        .ok_or_else(|| format!("its instruction does not end in \"{FORMAT}\" and the answers"))?;
    let known = task.answers();
    let mut offered = Vec::new();
    for answer in format.trim().split('/') {
        let Some(answer) = known.iter().find(|known| **known == answer) else {
            let known = known.join("`, `");
            return Err(format!("it offers `{answer}`, and {task} has `{known}`"));
        };
        if offered.contains(answer) {
            return Err(format!("it offers `{answer}` twice"));
        }
        offered.push(*answer);
    }
    if offered.len() < 2 {
        return Err(format!("it offers `{}` alone", offered.join("")));
    }
    let right = offered.iter().position(|answer| *answer == record.answer);
    let right = right.ok_or_else(|| {
        let (answer, offered) = (&record.answer, offered.join("`, `"));
        format!("its answer is `{answer}`, which is none of `{offered}`")
    })?;
    Ok((offered, right))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(instruction: &str, answer: &str) -> Result<(Vec<&'static str>, usize), String> {
        let record = Instruction {
            instruction: instruction.into(),
            input: String::new(),
            output: String::new(),
            answer: answer.into(),
        };
        options(&record, Task::ArcEasy)
    }

    #[test]
    fn a_question_offers_what_its_last_line_says() {
        let three = "Answer format: this?\n\nAnswer format: answer1/answer2/answer3";
        assert_eq!(
            of(three, "answer3"),
            Ok((vec!["answer1", "answer2", "answer3"], 2))
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (instruction, answer, words) in [
            ("What?", "answer1", "does not end in"),
            (
                "Answer format: answer1/answer2",
                "answer3",
                "none of `answer1`, `answer2`",
            ),
            (
                "Answer format: answer1/option2",
                "answer1",
                "offers `option2`",
            ),
            ("Answer format: answer1", "answer1", "`answer1` alone"),
            ("Answer format: answer1/answer1", "answer1", "twice"),
        ] {
            let message = of(instruction, answer).unwrap_err();
            assert!(message.contains(words), "{message}");
        }
    }
}
