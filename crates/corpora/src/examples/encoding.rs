//! An example in tokens.

use super::drafts::Draft;
use crate::{CorpusError, tokenizer::Tokenizer};

/// A text to be learned, in tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The ids, at least two.
    pub ids: Vec<u32>,
    /// The first of them that is to be predicted, and counts in the loss as all behind it do; at least 1, since nothing
    /// stands before the first.
    pub first_counted: usize,
}

impl Example {
    /// How many ids a model reads: all but the last.
    #[must_use]
    pub fn read(&self) -> usize {
        self.ids.len() - 1
    }

    /// How many ids count.
    #[must_use]
    pub fn counted(&self) -> usize {
        self.ids.len() - self.first_counted
    }
}

/// How texts become examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExampleEncoding {
    /// The most ids of a text; what is behind them is lost.
    pub cutoff: usize,
    /// The id that ends a text: appended where there is room for it and it does not stand there. Pieces of a text have
    /// none.
    pub end: Option<u32>,
}

/// Examples, and what became of texts on the way.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    pub(super) examples: Vec<Example>,
    /// Texts that lost their end.
    pub(super) cut: usize,
    /// Texts of which nothing is left to learn.
    pub(super) left_out: usize,
}

impl ExampleEncoding {
    /// Each text as an example: cut at `cutoff` ids, then ended. The prompt is as long as its own tokens are, cut and
    /// not ended, which is how the reference masks it.
    pub(super) fn encode(
        self,
        drafts: &[Draft],
        tokenizer: &Tokenizer,
    ) -> Result<Encoded, CorpusError> {
        let texts: Vec<&str> = drafts.iter().map(|draft| draft.text.as_str()).collect();
        let prompts: Vec<&str> = drafts
            .iter()
            .map(|draft| draft.prompt.as_deref().unwrap_or_default())
            .collect();
        let (texts, prompts) = (
            tokenizer.encode_all(&texts)?,
            tokenizer.encode_all(&prompts)?,
        );
        let mut encoded = Encoded::default();
        for (mut ids, prompt) in texts.into_iter().zip(prompts) {
            encoded.cut += usize::from(ids.len() > self.cutoff);
            ids.truncate(self.cutoff);
            if let Some(end) = self.end
                && ids.len() < self.cutoff
                && ids.last() != Some(&end)
            {
                ids.push(end);
            }
            encoded.push(ids, prompt.len());
        }
        Ok(encoded)
    }

    /// Each text as pieces that read `cutoff` ids, the last of which may be shorter: a piece begins with the id that the
    /// one before it predicts last, so that every id but the first is predicted once.
    pub(super) fn encode_in_pieces(
        self,
        drafts: &[Draft],
        tokenizer: &Tokenizer,
    ) -> Result<Encoded, CorpusError> {
        let mut encoded = Encoded::default();
        for draft in drafts {
            let ids = tokenizer.encode(&draft.text)?;
            for start in (0..ids.len().saturating_sub(1)).step_by(self.cutoff) {
                let end = ids.len().min(start + self.cutoff + 1);
                encoded.push(ids[start..end].to_vec(), 0);
            }
        }
        Ok(encoded)
    }
}

impl Encoded {
    /// Adds an example whose first ids do not count.
    fn push(&mut self, ids: Vec<u32>, not_counted: usize) {
        let first_counted = not_counted.max(1);
        if first_counted < ids.len() {
            self.examples.push(Example { ids, first_counted });
        } else {
            self.left_out += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::CharTokenizer;

    const END: u32 = 99;

    /// One token a letter: a is 2, b is 3 and so on.
    fn tokenizer() -> Tokenizer {
        Tokenizer::Char(CharTokenizer::of_training_text("abcdefgh"))
    }

    fn draft(text: &str, prompt: Option<&str>) -> Draft {
        Draft {
            text: text.into(),
            prompt: prompt.map(str::to_owned),
        }
    }

    fn encode(cutoff: usize, draft: &Draft) -> Encoded {
        let end = Some(END);
        ExampleEncoding { cutoff, end }
            .encode(std::slice::from_ref(draft), &tokenizer())
            .unwrap()
    }

    #[test]
    fn a_text_is_cut_and_ended_where_there_is_room() {
        let example = |ids: &[u32]| {
            vec![Example {
                ids: ids.to_vec(),
                first_counted: 1,
            }]
        };
        let text = draft("abc", None);
        assert_eq!(encode(5, &text).examples, example(&[2, 3, 4, END]));
        assert_eq!(encode(4, &text).examples, example(&[2, 3, 4, END]));
        // Three fit and no end behind them; then two.
        let full = encode(3, &text);
        assert_eq!((full.examples, full.cut), (example(&[2, 3, 4]), 0));
        let cut = encode(2, &text);
        assert_eq!((cut.examples, cut.cut), (example(&[2, 3]), 1));
    }

    #[test]
    fn an_end_that_stands_there_is_not_appended() {
        let encoding = ExampleEncoding {
            cutoff: 9,
            end: Some(4),
        };
        let encoded = encoding.encode(&[draft("abc", None)], &tokenizer());
        assert_eq!(encoded.unwrap().examples[0].ids, [2, 3, 4]);
    }

    #[test]
    fn a_prompt_does_not_count() {
        let text = draft("abcde", Some("abc"));
        let encoded = encode(9, &text);
        assert_eq!(encoded.examples[0].first_counted, 3);
        assert_eq!(encoded.examples[0].counted(), 3, "d, e and the end");
        // Nothing of the response is left.
        let cut = encode(3, &text);
        assert_eq!((cut.examples.len(), cut.left_out, cut.cut), (0, 1, 1));
    }

    #[test]
    fn what_predicts_nothing_is_left_out() {
        let encoding = ExampleEncoding {
            cutoff: 9,
            end: None,
        };
        let drafts = [draft("a", None), draft("ab", None), draft("", None)];
        let encoded = encoding.encode(&drafts, &tokenizer()).unwrap();
        assert_eq!((encoded.examples.len(), encoded.left_out), (1, 2));
    }

    #[test]
    fn pieces_predict_every_token_once() {
        let encoding = ExampleEncoding {
            cutoff: 3,
            end: Some(END),
        };
        let encoded = encoding.encode_in_pieces(&[draft("abcdefgh", None)], &tokenizer());
        let ids: Vec<_> = encoded
            .unwrap()
            .examples
            .into_iter()
            .map(|one| one.ids)
            .collect();
        assert_eq!(ids, [vec![2, 3, 4, 5], vec![5, 6, 7, 8], vec![8, 9]]);
    }
}
