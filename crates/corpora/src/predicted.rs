//! How much text the targets of windows stand for.

use crate::{
    dataset::{Dataset, token_counts},
    windows::ValidWindows,
};

/// The text that windows predict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PredictedText {
    /// Tokens.
    pub tokens: u64,
    /// Characters that they stand for.
    pub chars: u64,
    /// Bytes that they stand for: divides nats into bits per byte.
    pub bytes: u64,
}

/// Counts the targets of windows of the validation split.
///
/// A token counts as long as it is in the text: a separator of characters thirteen, a token of a
/// byte-level vocabulary its bytes, and as many characters as begin in it. What has no length of
/// its own (a character outside the vocabulary; all tokens of vocabularies that are not
/// byte-level) counts as its kind does on average over the split, whose length is known.
pub fn predicted_text(dataset: &Dataset, windows: &ValidWindows<'_>) -> PredictedText {
    let lengths = dataset.tokenizer.token_lengths();
    let all = token_counts(&dataset.valid.ids, lengths.len());
    let mut targets = vec![0; lengths.len()];
    let mut tokens = 0;
    for batch in windows.clone() {
        tokens += batch.targets.len() as u64;
        for id in batch.targets {
            targets[id as usize] += 1;
        }
    }
    let sums = |counts: &[u64]| {
        let mut sums = Sums::default();
        for (count, length) in counts.iter().zip(&lengths) {
            match length {
                Some(length) => {
                    sums.chars += count * u64::from(length.chars);
                    sums.bytes += count * u64::from(length.bytes);
                }
                None => sums.unknown += count,
            }
        }
        sums
    };
    let (all, part) = (sums(&all), sums(&targets));
    let with_unknown = |known: u64, whole: usize, whole_known: u64| {
        if part.unknown == 0 {
            return known;
        }
        let rest = (whole as u64).saturating_sub(whole_known) as f64;
        known + (rest * part.unknown as f64 / all.unknown as f64).round() as u64
    };
    PredictedText {
        tokens,
        chars: with_unknown(part.chars, dataset.valid.chars, all.chars),
        bytes: with_unknown(part.bytes, dataset.valid.bytes, all.bytes),
    }
}

#[derive(Default)]
struct Sums {
    chars: u64,
    bytes: u64,
    unknown: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CharTokenizer, TokenStream, Tokenizer, windows::valid_windows};

    #[test]
    fn targets_are_as_long_as_their_text() {
        let tokenizer = Tokenizer::Char(CharTokenizer::of_training_text("aé"));
        let stream = |text| TokenStream::of_text(text, &tokenizer).unwrap();
        // Nine tokens: a é a <|endoftext|> a 字 a € a; the two that the vocabulary lacks have three
        // bytes each.
        let dataset = Dataset {
            train: stream("aé"),
            valid: stream("aéa<|endoftext|>a字a€a"),
            tokenizer: tokenizer.clone(),
            digests: Vec::new(),
            warnings: Vec::new(),
        };
        assert_eq!((dataset.valid.chars, dataset.valid.bytes), (21, 26));
        let of = |sequence, limit| {
            let windows = valid_windows(&dataset.valid.ids, sequence, 1, limit).unwrap();
            let text = predicted_text(&dataset, &windows);
            (text.tokens, text.chars, text.bytes)
        };
        // All but the first a.
        assert_eq!(of(8, 0), (8, 20, 25));
        // é a <|endoftext|> a: 2 + 1 + 13 + 1 bytes.
        assert_eq!(of(4, 1), (4, 16, 17));
        // Windows of two, of which the first and the third are taken: é a, 字 a.
        assert_eq!(of(2, 2), (4, 4, 7));
    }
}
