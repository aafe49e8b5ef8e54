//! Whether texts are long enough for windows, known before anything is trained on them.

use std::fs;

use crate::{
    CorpusError,
    config::{CorpusConfig, TokenizerConfig},
    data_dir::DataDir,
    dataset::tokenizer_of,
    text, valid_windows,
    windows::TrainWindows,
};

/// A text of this many bytes a token is long enough without being read: no vocabulary has tokens, and
/// no language words, of this length on average.
const BYTES_A_TOKEN: u64 = 256;

/// Where a file is split, the smaller part is at least this part of it.
const SPLIT_ONE_IN: u64 = 32;

/// A generated story has more bytes than this.
const BYTES_A_STORY: u64 = 150;

/// Whether every split of a corpus has so many tokens, or words, by its size alone; a text that is
/// short for that must be looked at.
///
/// # Errors
///
/// When a file is missing.
pub fn plainly_holds(
    corpus: &CorpusConfig,
    data: &DataDir,
    tokens: usize,
) -> Result<bool, CorpusError> {
    let mut smallest = u64::MAX;
    if let CorpusConfig::Tinytales(config) = corpus {
        smallest = BYTES_A_STORY * config.stories.get() as u64;
    } else {
        for file in text::files(corpus, data)? {
            let path = data.file(&file);
            let facts = fs::metadata(&path).map_err(|source| CorpusError::Read { path, source })?;
            smallest = smallest.min(facts.len());
        }
    }
    let one_in = match corpus {
        CorpusConfig::TinyStories(config) => {
            if config.train_bytes > 0 {
                smallest = smallest.min(config.train_bytes as u64);
            }
            if config.tuning { SPLIT_ONE_IN } else { 1 }
        }
        _ => SPLIT_ONE_IN,
    };
    let needed = BYTES_A_TOKEN.saturating_mul(tokens as u64);
    Ok(smallest / one_in > needed)
}

/// Checks that the tokenizer can be used and that training and validation text have a window of
/// `sequence` tokens each.
///
/// # Errors
///
/// A file that is missing or not what it should be; [`CorpusError::TooShort`].
pub fn check_windows(
    corpus: &CorpusConfig,
    tokenizer: &TokenizerConfig,
    data: &DataDir,
    sequence: usize,
) -> Result<(), CorpusError> {
    if plainly_holds(corpus, data, sequence.saturating_add(1))? {
        // The text need not be read, but a tokenizer's file must be one.
        return tokenizer_of(tokenizer, "", data).map(|_| ());
    }
    let (texts, _) = text::texts(corpus, data)?;
    let (tokenizer, _) = tokenizer_of(tokenizer, &texts.train, data)?;
    valid_windows(&tokenizer.encode(&texts.valid)?, sequence, 1, 0)?;
    TrainWindows::new(&tokenizer.encode(&texts.train)?, sequence, 1, 0)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use registry::Count;

    use super::*;
    use crate::TinytalesConfig;

    #[test]
    fn windows_are_held_against_the_text_and_long_texts_are_not_read() {
        let data = DataDir::new("nowhere");
        let tales = |stories| -> CorpusConfig {
            TinytalesConfig {
                stories: Count::new(stories),
                ..TinytalesConfig::default()
            }
            .into()
        };
        let check = |stories, sequence| {
            let tokenizer = TokenizerConfig::default();
            check_windows(&tales(stories), &tokenizer, &data, sequence)
        };
        assert!(check(10, 64).is_ok());
        let error = check(10, 100_000).unwrap_err();
        assert!(matches!(error, CorpusError::TooShort { .. }), "{error}");
        assert!(error.to_string().contains("validation text"), "{error}");
        assert!(check(10, usize::MAX).is_err());
        // 100,000 stories are above 15 MB, a 32nd of them above 468 kB: enough for 1,831 tokens.
        assert!(plainly_holds(&tales(100_000), &data, 1800).unwrap());
        assert!(!plainly_holds(&tales(100_000), &data, 1900).unwrap());
    }

    #[test]
    fn a_generated_story_is_as_long_as_is_said() {
        let (texts, _) =
            text::texts(&TinytalesConfig::default().into(), &DataDir::new("nowhere")).unwrap();
        let shortest = texts.train.split(text::SEPARATOR).map(str::len);
        // What follows the last separator is no story.
        let shortest = shortest.filter(|bytes| *bytes > 1).min().unwrap();
        assert!(shortest as u64 > BYTES_A_STORY, "{shortest}");
    }
}
