//! What a reader of results should know of the text behind them.

use crate::{overlap, tokenizer::Tokenizer};

/// Less than this of a validation text in the training text is worth no word: stories begin and end alike.
const WORTH_SAYING: f64 = 0.01;

/// Sentences on a pair of texts and a tokenizer; none where all is well.
pub(crate) fn warnings(train: &str, valid: &str, tokenizer: &Tokenizer) -> Vec<String> {
    let mut warnings = Vec::new();
    let share = overlap::share(train, valid);
    if share >= WORTH_SAYING {
        warnings.push(format!(
            "{:.0} % of the validation text stands in the training text too, so that its perplexity says less of \
             text that is new",
            100.0 * share
        ));
    }
    if let Tokenizer::Pretrained(tokenizer) = tokenizer {
        let (of_train, of_valid) = (
            tokenizer.dropped_bytes(train),
            tokenizer.dropped_bytes(valid),
        );
        if of_train + of_valid > 0 {
            warnings.push(format!(
                "the tokenizer has no token for some bytes and drops {of_train} of the training text and {of_valid} \
                 of the validation text, which bits per byte count as predicted"
            ));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::CharTokenizer;

    fn of(train: &str, valid: &str) -> Vec<String> {
        let tokenizer = Tokenizer::Char(CharTokenizer::of_training_text(train));
        warnings(train, valid, &tokenizer)
    }

    #[test]
    fn a_validation_text_that_was_trained_on_is_told_of() {
        let sentences: Vec<_> = (0..2000).map(|n| format!("sentence {n}. ")).collect();
        let text = sentences.concat();
        let said = of(&text, &text);
        assert!(
            said[0].starts_with("100 % of the validation text"),
            "{said:?}"
        );
    }

    #[test]
    fn the_built_in_stories_are_fine() {
        let stories = crate::tinytales::generate(&crate::TinytalesConfig::default()).unwrap();
        assert_eq!(of(&stories.train.text, &stories.valid.text), [""; 0]);
    }
}
