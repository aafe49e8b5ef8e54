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

    /// `count` passages of `length` tokens at least, each beginning `length` words after the one before; after the
    /// end of the text comes its beginning. A passage has `length` words, or more where the tokenizer joins some of
    /// them. `None` where the text is shorter than a passage.
    pub(super) fn take(
        &self,
        tokenizer: &SentenceTokenizer,
        count: usize,
        length: usize,
        seed: u64,
    ) -> Result<Option<Vec<String>>, CorpusError> {
        if !self.hold(length) {
            return Ok(None);
        }
        let all: Vec<&str> = self.words().collect();
        let start = corpora::below(&mut corpora::stream(seed, "passages", 0), all.len());
        let passage = |number: usize| {
            let first = start + number * length;
            let mut words = length;
            loop {
                let own = (first..first + words).map(|at| all[at % all.len()]);
                let text = own.collect::<Vec<_>>().join(" ");
                if words >= all.len() || parts_words(tokenizer, &text, length)? {
                    return Ok(text);
                }
                words = (2 * words).min(all.len());
            }
        };
        (0..count).map(passage).collect::<Result<_, _>>().map(Some)
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

    /// A tokenizer of five words, which reads `c d` as one of them.
    const JOINING: &str = r#"{
      "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
      "normalizer": {"type": "Replace", "pattern": {"String": "c d"}, "content": "cd"},
      "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
      "model": {
        "type": "WordLevel", "unk_token": "[UNK]",
        "vocab": {"[PAD]": 0, "[UNK]": 1, "a": 2, "b": 3, "cd": 4, "e": 5}
      }
    }"#;

    fn five_words() -> (Passages, SentenceTokenizer) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tokenizer.json"), JOINING).unwrap();
        let passages = Passages {
            text: "a b c \u{200b} d e".to_owned(),
            silent: BTreeSet::from(["\u{200b}".to_owned()]),
        };
        (passages, SentenceTokenizer::read(folder.path()).unwrap())
    }

    #[test]
    fn passages_follow_one_another_and_go_round() {
        let (all, tokenizer) = five_words();
        for seed in 17..22 {
            let found = all.take(&tokenizer, 4, 1, seed).unwrap().unwrap();
            assert_eq!(found.len(), 4);
            let text = "a b c d e a b c d e";
            assert!(text.contains(&found.join(" ")), "{found:?}");
        }
        assert_eq!(all.take(&tokenizer, 1, 6, 17).unwrap(), None);
    }

    #[test]
    fn a_passage_whose_words_are_joined_goes_on() {
        let (all, tokenizer) = five_words();
        let mut joined = 0;
        for seed in 17..27 {
            for passage in all.take(&tokenizer, 3, 2, seed).unwrap().unwrap() {
                assert!(parts_words(&tokenizer, &passage, 2).unwrap(), "{passage}");
                joined += usize::from(passage == "c d e a");
                let words = passage.split(' ').count();
                assert_eq!(words, if passage.starts_with("c d") { 4 } else { 2 });
            }
        }
        assert!(joined > 0);
    }
}
