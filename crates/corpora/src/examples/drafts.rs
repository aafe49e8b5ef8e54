//! From the text of a corpus to texts of examples, before they are tokens.

use std::path::Path;

use super::config::{InstructionsConfig, LinesConfig};
use crate::{
    CorpusError,
    instructions::{Instruction, Template, read_instructions},
    text::Texts,
};

/// Separates this use of blake3 from every other.
const CONTEXT: &str = "switchyard corpora split of instructions v1";

/// The text of an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) text: String,
    /// The beginning of it that does not count, where some of it does not.
    pub(super) prompt: Option<String>,
}

/// Texts to train and to validate on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Drafts {
    pub(super) train: Vec<Draft>,
    pub(super) valid: Vec<Draft>,
    /// A text that is too long is cut into pieces and does not lose its end.
    pub(super) in_pieces: bool,
}

impl Drafts {
    /// Records in the order of the blake3 of seed and instruction: the first validate, the others train. So neither the
    /// order of the file nor the number of records to train on matters to the split. A question that also validates is
    /// not trained on.
    pub(super) fn of_instructions(
        json: &str,
        path: &Path,
        config: &InstructionsConfig,
    ) -> Result<Self, CorpusError> {
        let records = read_instructions(json, path)?;
        let mut ranked: Vec<_> = records
            .iter()
            .map(|record| (rank(record, config.split_seed), record))
            .collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        let valid = config.valid_records.get().min(ranked.len());
        let (valid, rest) = ranked.split_at(valid);
        let last = valid.last().map(|(rank, _)| rank);
        let rest = rest.iter().skip_while(|(rank, _)| Some(rank) == last);
        let most = if config.records == 0 {
            usize::MAX
        } else {
            config.records
        };
        let draft = |(_, record): &(_, &Instruction)| Draft {
            text: Template::Training.with_response(record),
            prompt: (!config.train_on_inputs).then(|| Template::Training.prompt(record)),
        };
        Ok(Self {
            train: rest.take(most).map(draft).collect(),
            valid: valid.iter().map(draft).collect(),
            in_pieces: false,
        })
    }

    /// The first lines of both texts.
    pub(super) fn of_lines(texts: &Texts, config: &LinesConfig) -> Self {
        let of_text = |text: &str| {
            let lines = text.split_inclusive('\n').take(config.lines.get());
            let texts: Vec<String> = if config.joined {
                vec![lines.collect()]
            } else {
                lines
                    .map(|line| line.trim_end_matches('\n').to_owned())
                    .collect()
            };
            let texts = texts.into_iter().filter(|text| !text.trim().is_empty());
            texts.map(|text| Draft { text, prompt: None }).collect()
        };
        Self {
            train: of_text(&texts.train),
            valid: of_text(&texts.valid),
            in_pieces: config.joined,
        }
    }
}

/// Where an instruction stands in the order of a seed.
fn rank(record: &Instruction, seed: u64) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(&seed.to_le_bytes());
    hasher.update(record.instruction.as_bytes());
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, num::NonZeroUsize};

    use super::*;

    /// Records of the questions with these numbers.
    fn json(questions: impl IntoIterator<Item = usize>) -> String {
        let records = questions
            .into_iter()
            .map(|n| format!(r#"{{"instruction": "q{n}", "output": "a{n}"}}"#));
        format!("[{}]", records.collect::<Vec<_>>().join(","))
    }

    fn split(json: &str, config: &InstructionsConfig) -> Drafts {
        Drafts::of_instructions(json, Path::new("c.json"), config).unwrap()
    }

    fn config(valid: usize) -> InstructionsConfig {
        InstructionsConfig {
            valid_records: NonZeroUsize::new(valid).unwrap(),
            ..InstructionsConfig::default()
        }
    }

    fn texts(drafts: &[Draft]) -> BTreeSet<&str> {
        drafts.iter().map(|draft| draft.text.as_str()).collect()
    }

    #[test]
    fn the_split_follows_from_the_seed_alone() {
        let split_of = |order: &str, config: &InstructionsConfig| {
            let drafts = split(order, config);
            assert_eq!((drafts.train.len(), drafts.valid.len()), (40, 10));
            drafts
        };
        let (forward, backward) = (json(0..50), json((0..50).rev()));
        let first = split_of(&forward, &config(10));
        assert_eq!(first, split_of(&backward, &config(10)));
        assert!(texts(&first.train).is_disjoint(&texts(&first.valid)));
        let other = InstructionsConfig {
            split_seed: 43,
            ..config(10)
        };
        assert_ne!(first.valid, split_of(&forward, &other).valid);
        // Fewer records to train on are the first of all, and the others validate as before.
        let fewer = InstructionsConfig {
            records: 7,
            ..config(10)
        };
        let fewer = split(&forward, &fewer);
        assert_eq!(fewer.train, first.train[..7]);
        assert_eq!(fewer.valid, first.valid);
    }

    #[test]
    fn a_question_that_validates_is_not_trained_on() {
        // Every question twice, and an odd number of records that validate: one has its like on the other side.
        let drafts = split(&json((0..20).chain(0..20)), &config(5));
        assert_eq!(drafts.valid.len(), 5);
        assert_eq!(drafts.train.len(), 40 - 6);
        assert!(texts(&drafts.train).is_disjoint(&texts(&drafts.valid)));
    }

    #[test]
    fn the_prompt_does_not_count_where_only_the_response_is_to_be_learned() {
        let response = InstructionsConfig {
            train_on_inputs: false,
            ..config(1)
        };
        for draft in split(&json(0..3), &response).train {
            let prompt = draft.prompt.expect("a prompt");
            let rest = draft
                .text
                .strip_prefix(&prompt)
                .expect("it begins the text");
            assert!(rest.starts_with('a'), "{rest}");
        }
        assert_eq!(split(&json(0..3), &config(1)).train[0].prompt, None);
    }

    #[test]
    fn lines_are_counted_with_the_empty_ones_and_kept_without() {
        let texts = Texts {
            train: "one:\ntwo\n\nthree\nfour\n".into(),
            valid: "five\n".into(),
        };
        let of = |joined| {
            let config = LinesConfig {
                lines: NonZeroUsize::new(4).unwrap(),
                joined,
            };
            let drafts = Drafts::of_lines(&texts, &config);
            let train = drafts.train.into_iter().map(|draft| draft.text);
            (train.collect::<Vec<_>>(), drafts.valid[0].text.clone())
        };
        let three = ["one:", "two", "three"].map(str::to_owned).to_vec();
        assert_eq!(of(false), (three, "five".into()));
        assert_eq!(
            of(true),
            (vec!["one:\ntwo\n\nthree\n".into()], "five\n".into())
        );
    }
}
