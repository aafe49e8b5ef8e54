//! Passages of a text, which an encoder reads.

use corpora::{CorpusConfig, DataDir, SEPARATOR};

use crate::jobs::context::JobError;

/// The validation text of a corpus, from which passages are taken.
pub(super) struct Passages {
    text: String,
}

impl Passages {
    /// Reads the text.
    pub(super) fn of(corpus: &CorpusConfig, data: &DataDir) -> Result<Self, JobError> {
        let text = corpora::valid_text(corpus, data)?.replace(SEPARATOR, " ");
        Ok(Self { text })
    }

    /// Whether it has a passage of so many words.
    pub(super) fn hold(&self, words: usize) -> bool {
        self.text.split_whitespace().take(words).count() == words
    }

    /// `count` passages of `words` words, which are that many tokens at least; after the end of the
    /// text comes its beginning. `None` where the text is shorter than a passage.
    pub(super) fn take(&self, count: usize, words: usize, seed: u64) -> Option<Vec<String>> {
        if !self.hold(words) {
            return None;
        }
        let all: Vec<&str> = self.text.split_whitespace().collect();
        let start = corpora::below(&mut corpora::stream(seed, "passages", 0), all.len());
        let passage = |number: usize| -> String {
            let first = start + number * words;
            let own = (first..first + words).map(|at| all[at % all.len()]);
            own.collect::<Vec<_>>().join(" ")
        };
        Some((0..count).map(passage).collect())
    }
}

/// What to say of a text without a passage.
pub(super) fn short_of(words: usize, corpus: &str) -> String {
    format!(
        "the validation text of {corpus} has fewer than the {words} words of a passage; lower \
         `hidden.source.bert.sequence` or choose another corpus"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_follow_one_another_and_go_round() {
        let text = "a b c d e";
        let all = Passages { text: text.into() };
        let found = all.take(3, 2, 17).unwrap();
        let words: Vec<&str> = found
            .iter()
            .flat_map(|passage| passage.split(' '))
            .collect();
        assert_eq!(words.len(), 6);
        let at = |word: &str| text.split(' ').position(|other| other == word).unwrap();
        for pair in words.windows(2) {
            assert_eq!((at(pair[0]) + 1) % 5, at(pair[1]), "{words:?}");
        }
        assert_eq!(all.take(1, 6, 17), None);
    }
}
