//! The texts around an instruction, to the letter.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Instruction;

/// What stands before every line but the first and those that are empty.
const INDENT: &str = "                ";

/// How every response of the data begins.
const RESPONSE: &str = "the correct answer is";

/// How an instruction is put to a model.
///
/// The three differ in white space and in where they end. A model is trained on one and asked by another in the
/// reference; whoever wants both alike chooses `training` for the questions too.
///
/// # Reference
///
/// LLM-Adapters (`finetune.py`, `commonsense_evaluate.py`); the PERFT paper, Liu et al. 2024, whose questions end in
/// the beginning of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Template {
    /// That of training, as LLM-Adapters has it: lines between the parts are of 16 spaces.
    Training,
    /// That of LLM-Adapters' evaluation: lines between the parts are empty.
    #[default]
    Evaluation,
    /// That of PERFT's evaluation: the same, and "the correct answer is".
    Perft,
}

/// What a template is made of.
struct Parts {
    /// The sentences before an instruction that stands alone.
    alone: &'static str,
    /// Those before one with an input.
    with_input: &'static str,
    /// What ends a part.
    gap: &'static str,
}

const TRAINING: Parts = Parts {
    alone: "Below is an instruction that describes a task. Write a response that appropriately completes the \
            request.  \n\n",
    with_input: "Below is an instruction that describes a task, paired with an input that provides further context. \
                 Write a response that appropriately completes the request. \n\n",
    gap: "\n                \n",
};

const EVALUATION: Parts = Parts {
    alone: "Below is an instruction that describes a task. Write a response that appropriately completes the \
            request. \n\n",
    with_input: "Below is an instruction that describes a task, paired with an input that provides further context. \
                 Write a response that appropriately completes the request.\n\n",
    gap: "\n\n",
};

impl Parts {
    /// All up to where the response begins.
    fn around(&self, record: &Instruction) -> String {
        let Instruction {
            instruction, input, ..
        } = record;
        let gap = self.gap;
        let (opening, given) = if input.is_empty() {
            (self.alone, String::new())
        } else {
            let given = format!("{INDENT}### Input:\n{INDENT}{input}{gap}");
            (self.with_input, given)
        };
        format!(
            "{opening}{INDENT}### Instruction:\n{INDENT}{instruction}{gap}{given}\
             {INDENT}### Response:\n{INDENT}"
        )
    }
}

impl Template {
    const fn parts(self) -> &'static Parts {
        match self {
            Self::Training => &TRAINING,
            Self::Evaluation | Self::Perft => &EVALUATION,
        }
    }

    /// What a model is given.
    #[must_use]
    pub fn prompt(self, record: &Instruction) -> String {
        let mut prompt = self.parts().around(record);
        if self == Self::Perft {
            prompt += RESPONSE;
        }
        prompt
    }

    /// The text up to where the response begins, and the record's response: what a model is trained on.
    #[must_use]
    pub fn with_response(self, record: &Instruction) -> String {
        self.parts().around(record) + &record.output
    }

    /// The same with the response that this is the correct answer.
    #[must_use]
    pub fn with_answer(self, record: &Instruction, answer: &str) -> String {
        format!("{}{RESPONSE} {answer}", self.parts().around(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(input: &str) -> Instruction {
        Instruction {
            instruction: "Is it?\n\nAnswer format: true/false".into(),
            input: input.into(),
            output: "the correct answer is true".into(),
            answer: "true".into(),
        }
    }

    // Spaces at ends of lines are written as \x20, so that no editor takes them away.
    const TRAINED: &str = "Below is an instruction that describes a task. Write a response that appropriately completes the request.\x20\x20

                ### Instruction:
                Is it?

Answer format: true/false
               \x20
                ### Response:
                the correct answer is true";

    const TRAINED_WITH_INPUT: &str = "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\x20

                ### Instruction:
                Is it?

Answer format: true/false
               \x20
                ### Input:
                this
               \x20
                ### Response:
                the correct answer is true";

    const ASKED: &str = "Below is an instruction that describes a task. Write a response that appropriately completes the request.\x20

                ### Instruction:
                Is it?

Answer format: true/false

                ### Response:
               \x20";

    const ASKED_WITH_INPUT: &str = "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.

                ### Instruction:
                Is it?

Answer format: true/false

                ### Input:
                this

                ### Response:
               \x20";

    #[test]
    fn the_template_of_training_is_the_references_to_the_byte() {
        let (alone, with_input) = (record(""), record("this"));
        assert_eq!(Template::Training.with_response(&alone), TRAINED);
        assert_eq!(
            Template::Training.with_response(&with_input),
            TRAINED_WITH_INPUT
        );
        let prompt = Template::Training.prompt(&alone);
        assert_eq!(
            TRAINED.strip_prefix(&prompt),
            Some("the correct answer is true")
        );
        // The first sentences have 105 characters; two spaces follow. The line between the parts has 16.
        assert_eq!(TRAINED.lines().next().map(str::len), Some(105 + 2));
        assert_eq!(TRAINED.lines().nth(6).map(str::len), Some(16));
    }

    #[test]
    fn the_templates_of_evaluation_are_the_references_to_the_byte() {
        let (alone, with_input) = (record(""), record("this"));
        assert_eq!(Template::Evaluation.prompt(&alone), ASKED);
        assert_eq!(Template::Evaluation.prompt(&with_input), ASKED_WITH_INPUT);
        for (record, asked) in [(&alone, ASKED), (&with_input, ASKED_WITH_INPUT)] {
            let perft = format!("{asked}the correct answer is");
            assert_eq!(Template::Perft.prompt(record), perft);
        }
    }

    #[test]
    fn an_answer_stands_where_the_response_has_it() {
        for (template, begins) in [
            (Template::Evaluation, ASKED),
            (Template::Perft, ASKED),
            (Template::Training, &TRAINED[..TRAINED.len() - 26]),
        ] {
            let text = template.with_answer(&record(""), "false");
            assert_eq!(
                text.strip_prefix(begins),
                Some("the correct answer is false"),
                "{template:?}"
            );
            let right = template.with_answer(&record(""), "true");
            assert_eq!(right, template.with_response(&record("")));
        }
    }
}
