//! What keeps two trials or cells from being compared.

use std::fmt;

use runstore::tables::TrialRow;
use serde::Serialize;
use serde_json::Value;

use crate::settings::{Change, changes, question, spelled};

/// Why measures of two sides are not comparable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// They do another kind of work.
    Job(String, String),
    /// They read another text.
    Corpus(String, String),
    /// They cut the same text into other tokens, so that nothing is comparable that is told per token.
    Tokenizer(String, String),
    /// They read other data under the same name: the digests.
    Data(String, String),
    /// They are of other scales, and their settings differ.
    Scale(String, String),
}

/// Measures that do not depend on how a text is cut into tokens.
const OF_BYTES: [&str; 2] = ["bits_per_byte", "ngram_bits_per_byte"];

/// The settings of the text, and that of them which says how much is trained on.
const TEXT: &str = "data.corpus";
const TRAINED_ON: &str = ".train-bytes";

/// Digits of a digest that are shown.
const DIGITS: usize = 12;

impl Obstacle {
    /// What keeps two trials from being compared, if anything does.
    pub fn between(a: &TrialRow, b: &TrialRow) -> Option<Self> {
        let text = |value: Option<&str>| value.unwrap_or("none").to_owned();
        let digest = |row: &TrialRow| {
            let digest = text(row.data_digest.as_deref());
            digest.get(..DIGITS).unwrap_or(&digest).to_owned()
        };
        if a.job != b.job {
            return Some(Self::Job(a.job.clone(), b.job.clone()));
        }
        if a.corpus != b.corpus {
            return Some(Self::Corpus(
                text(a.corpus.as_deref()),
                text(b.corpus.as_deref()),
            ));
        }
        if let Some(own) = text_change(a, b) {
            let side = |value: Option<&Value>| value.map_or_else(|| "default".to_owned(), spelled);
            return Some(Self::Corpus(
                format!("{} = {}", own.path, side(own.a.as_ref())),
                side(own.b.as_ref()),
            ));
        }
        if a.tokenizer != b.tokenizer {
            return Some(Self::Tokenizer(
                text(a.tokenizer.as_deref()),
                text(b.tokenizer.as_deref()),
            ));
        }
        if a.data_digest != b.data_digest {
            return Some(Self::Data(digest(a), digest(b)));
        }
        let differ = || !changes(&question(a), &question(b)).is_empty();
        (a.scale != b.scale && differ()).then(|| Self::Scale(a.scale.clone(), b.scale.clone()))
    }

    /// Whether a measure is comparable all the same.
    pub fn allows(&self, column: &str) -> bool {
        matches!(self, Self::Tokenizer(..)) && OF_BYTES.contains(&column)
    }
}

/// The setting of the text that two trials have otherwise, such as another part of it to validate on. How much of it is
/// trained on leaves measures comparable.
fn text_change(a: &TrialRow, b: &TrialRow) -> Option<Change> {
    let mut changes = changes(&question(a), &question(b)).into_iter();
    changes.find(|change| change.path.starts_with(TEXT) && !change.path.ends_with(TRAINED_ON))
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job(a, b) => write!(f, "the jobs differ, {a} and {b}"),
            Self::Corpus(a, b) => write!(f, "the texts differ, {a} and {b}"),
            Self::Tokenizer(a, b) => write!(
                f,
                "the tokenizers differ, {a} and {b}; only bits per byte are comparable"
            ),
            Self::Data(a, b) => write!(f, "the data differ, digests {a} and {b}"),
            Self::Scale(a, b) => {
                write!(f, "the scales differ, {a} and {b}, and settings with them")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(corpus: &str, tokenizer: &str, digest: &str, scale: &str, k: u64) -> TrialRow {
        TrialRow {
            job: "train".to_owned(),
            corpus: Some(corpus.to_owned()),
            tokenizer: Some(tokenizer.to_owned()),
            data_digest: Some(digest.repeat(16)),
            scale: scale.to_owned(),
            settings: format!(r#"{{"settings":{{"moe":{{"k":{k}}}}}}}"#),
            ..TrialRow::default()
        }
    }

    #[test]
    fn what_reads_other_data_is_not_compared() {
        let own = row("tinystories", "char", "a", "cpu", 1);
        let between = |other: &TrialRow| Obstacle::between(&own, other);
        assert_eq!(between(&own), None);
        assert_eq!(between(&row("tinystories", "char", "a", "cpu", 2)), None);
        let text = between(&row("tinytales", "char", "b", "cpu", 1)).unwrap();
        assert!(text.to_string().contains("tinystories and tinytales"));
        let data = between(&row("tinystories", "char", "b", "cpu", 1)).unwrap();
        assert_eq!(
            data.to_string(),
            "the data differ, digests aaaaaaaaaaaa and bbbbbbbbbbbb"
        );
        assert!(!data.allows("bits_per_byte"));
    }

    #[test]
    fn another_part_of_the_text_is_another_text_and_more_of_it_is_not() {
        let of = |setting: &str| TrialRow {
            settings: format!(
                r#"{{"settings":{{"data":{{"corpus":{{"tinystories":{{{setting}}}}}}}}}}}"#
            ),
            ..row("tinystories", "char", "a", "cpu", 1)
        };
        let own = of(r#""train-bytes":0"#);
        let between = |other: &TrialRow| Obstacle::between(&own, other);
        assert_eq!(between(&of(r#""train-bytes":5"#)), None);
        let other = between(&of(r#""train-bytes":0,"tuning":true"#)).unwrap();
        assert_eq!(
            other.to_string(),
            "the texts differ, data.corpus.tinystories.tuning = default and true"
        );
    }

    #[test]
    fn other_tokens_leave_bits_per_byte() {
        let own = row("tinystories", "char", "a", "cpu", 1);
        let other = row("tinystories", "pretrained", "b", "cpu", 1);
        let obstacle = Obstacle::between(&own, &other).unwrap();
        assert!(obstacle.allows("bits_per_byte") && !obstacle.allows("perplexity"));
    }

    #[test]
    fn scales_are_compared_where_they_ask_the_same() {
        let own = row("tinystories", "char", "a", "cpu", 1);
        let same = row("tinystories", "char", "a", "paper", 1);
        assert_eq!(Obstacle::between(&own, &same), None);
        let other = row("tinystories", "char", "a", "paper", 2);
        assert!(matches!(
            Obstacle::between(&own, &other),
            Some(Obstacle::Scale(..))
        ));
    }
}
