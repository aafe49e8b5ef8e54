//! Passages of a text, which an encoder reads.

use std::collections::BTreeSet;

use corpora::{CorpusConfig, CorpusError, DataDir, SEPARATOR, SentenceTokenizer};

use crate::jobs::context::JobError;

/// The validation text of a corpus, from which passages are taken.
pub(super) struct Passages {
    text: String,
    /// Words of it that are no token, such as a space of no width.
    silent: BTreeSet<String>,
}

impl Passages {
    /// Reads the text as a tokenizer does.
    pub(super) fn of(
        corpus: &CorpusConfig,
        data: &DataDir,
        tokenizer: &SentenceTokenizer,
    ) -> Result<Self, JobError> {
        let text = corpora::valid_text(corpus, data)?.replace(SEPARATOR, " ");
        let words: BTreeSet<&str> = text.split_whitespace().collect();
        let silent = tokenizer.without_tokens(&words)?;
        let silent = silent.into_iter().map(str::to_owned).collect();
        Ok(Self { text, silent })
    }

    /// Its words, each of at least a token.
    fn words(&self) -> impl Iterator<Item = &str> {
        let all = self.text.split_whitespace();
        all.filter(|word| !self.silent.contains(*word))
    }

    /// Whether it has a passage of so many words.
    pub(super) fn hold(&self, words: usize) -> bool {
        self.words().take(words).count() == words
    }

    /// The first passage of so many words, or all of them where there are fewer.
    pub(super) fn first(&self, words: usize) -> String {
        self.words().take(words).collect::<Vec<_>>().join(" ")
    }

    /// `count` passages of `words` words, which are that many tokens at least; after the end of the
    /// text comes its beginning. `None` where the text is shorter than a passage.
    pub(super) fn take(&self, count: usize, words: usize, seed: u64) -> Option<Vec<String>> {
        if !self.hold(words) {
            return None;
        }
        let all: Vec<&str> = self.words().collect();
        let start = corpora::below(&mut corpora::stream(seed, "passages", 0), all.len());
        let passage = |number: usize| -> String {
            let first = start + number * words;
            let own = (first..first + words).map(|at| all[at % all.len()]);
            own.collect::<Vec<_>>().join(" ")
        };
        Some((0..count).map(passage).collect())
    }
}

/// A passage of so many plain words.
pub(super) fn plain(words: usize) -> String {
    let letters = ('a'..='z').cycle().take(words).map(String::from);
    letters.collect::<Vec<_>>().join(" ")
}

/// Whether a tokenizer makes as many tokens of a passage as it has words, and not one of several.
pub(super) fn parts_words(
    tokenizer: &SentenceTokenizer,
    passage: &str,
    words: usize,
) -> Result<bool, CorpusError> {
    let rows = tokenizer.encode(&[passage], words)?;
    Ok(!rows.mask.contains(&false))
}

/// What to say of a tokenizer that does not.
pub(super) fn joins_words(words: usize) -> String {
    format!(
        "the encoder's tokenizer makes fewer than {words} tokens of a passage of {words} words; see to its \
         `tokenizer.json`, above all to the pre-tokenizer, or choose another encoder"
    )
}

/// Whether a tokenizer has a token for every plain letter and digit, so that no word of a usual text is
/// without one.
pub(super) fn reads_plainly(tokenizer: &SentenceTokenizer) -> Result<bool, CorpusError> {
    let plain: Vec<String> = ('a'..='z').chain('0'..='9').map(String::from).collect();
    let words = plain.iter().map(String::as_str).collect();
    Ok(tokenizer.without_tokens(&words)?.is_empty())
}

/// What to say of a text without a passage.
pub(super) fn short_of(words: usize, corpus: &str) -> String {
    format!(
        "the validation text of {corpus} has fewer than the {words} words of a passage, those alone \
         that the encoder's tokenizer has tokens for; lower `hidden.source.bert.sequence`, choose \
         another corpus, or see to the tokenizer"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_follow_one_another_and_go_round() {
        let text = "a b c d e";
        let all = Passages {
            text: text.replace('c', "c \u{200b}"),
            silent: BTreeSet::from(["\u{200b}".to_owned()]),
        };
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
