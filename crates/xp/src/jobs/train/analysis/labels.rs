//! What is known of tokens, against which the choices of experts are held.

use corpora::{
    Dataset, TokenClass,
    tinytales::{Role, TokenLabel, Topic},
};

use super::choices::Choices;
use crate::jobs::{context::JobError, train::settings::TrainSettings};

/// Which values are listed with their experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    /// Every one that occurs.
    All,
    /// Those that tell most about an expert.
    Telling,
    /// None: they are too many, and have no names.
    None,
}

/// One thing that is known of every token.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Labels {
    /// What is known, as result tables call it.
    pub(super) kind: &'static str,
    /// The names of its values.
    pub(super) names: Vec<String>,
    /// The value of each token.
    pub(super) of_token: Vec<u32>,
    pub(super) listed: Listed,
}

/// The kind of labels that are all the same.
pub(super) const ALL: &str = "all";

/// All that is known of the tokens that were chosen for.
pub(super) fn labels(
    choices: &Choices,
    dataset: &Dataset,
    settings: &TrainSettings,
) -> Result<Vec<Labels>, JobError> {
    let tokenizer = &dataset.tokenizer;
    let ids: Vec<u32> = choices
        .tokens
        .iter()
        .map(|&place| dataset.valid.ids[place])
        .collect();
    let classes = ids.iter().map(|&id| tokenizer.token_class(id));
    let words = (0..tokenizer.vocab_size() as u32).map(|id| tokenizer.token_text(id));
    let places = (0..ids.len()).map(|token| (token % choices.sequence) as u32);
    let mut all = vec![
        Labels {
            kind: ALL,
            names: vec![ALL.to_owned()],
            of_token: vec![0; ids.len()],
            listed: Listed::All,
        },
        among("class", &TokenClass::ALL, TokenClass::name, classes),
        Labels {
            kind: "place",
            names: (0..choices.sequence)
                .map(|place| place.to_string())
                .collect(),
            of_token: places.collect(),
            listed: Listed::None,
        },
    ];
    if let Some(known) = corpora::valid_labels(&settings.data.corpus, tokenizer)? {
        let known: Vec<TokenLabel> = choices.tokens.iter().map(|&place| known[place]).collect();
        let (roles, topics) = (
            known.iter().map(|label| label.role),
            known.iter().map(|label| label.topic),
        );
        all.push(among("role", &Role::ALL, Role::name, roles));
        all.push(among("topic", &Topic::ALL, Topic::name, topics));
    }
    all.push(Labels {
        kind: "token",
        names: words.collect(),
        of_token: ids,
        listed: Listed::Telling,
    });
    Ok(all)
}

/// Labels whose values are some of few.
fn among<T: PartialEq + Copy>(
    kind: &'static str,
    values: &[T],
    name: fn(T) -> &'static str,
    of_token: impl Iterator<Item = T>,
) -> Labels {
    let number = |value: T| values.iter().position(|own| *own == value);
    Labels {
        kind,
        names: values.iter().map(|&value| name(value).to_owned()).collect(),
        of_token: of_token
            .map(|value| number(value).expect("the list has every value") as u32)
            .collect(),
        listed: Listed::All,
    }
}
