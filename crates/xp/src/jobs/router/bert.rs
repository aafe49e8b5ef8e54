//! Hidden states of an encoder that reads real text.

use burn::tensor::{Bool, Int, Tensor, TensorData};
use corpora::{CorpusConfig, DataDir, SEPARATOR, SentenceTokenizer};
use models_bert::Bert;

use super::hidden::Hidden;
use crate::jobs::{BertSource, ExpertInit, JobContext, JobError, RouterSettings};

/// Passages that the encoder reads at once.
const TOGETHER: usize = 16;

/// Reads passages of the validation text, one after another from a place that the seed draws, and
/// taps the encoder.
pub(super) fn read(
    cx: &JobContext<'_>,
    settings: &RouterSettings,
    source: &BertSource,
) -> Result<Hidden, JobError> {
    let folder = corpora::model_folder(&source.model, cx.data)?;
    let tokenizer = SentenceTokenizer::read(&folder)?;
    let length = source.sequence.get();
    let count = settings.hidden.tokens.get() / length;
    let text = Passages::of(&source.corpus, cx.data)?;
    let passages = text.take(count, length, cx.trial.seed);
    let passages =
        passages.ok_or_else(|| JobError::Unsupported(short_of(length, source.corpus.name())))?;

    let bert = Bert::load(&folder, &cx.device)?;
    // A token without a row would be an error of the pass, which knows nothing of files.
    let tokens = tokenizer.words().vocab_size();
    bert.config().check_vocabulary(&folder, tokens)?;
    let width = bert.config().hidden_size;
    let mut hidden = Hidden {
        values: Vec::with_capacity(count * length * width),
        width,
        ids: Vec::with_capacity(count * length),
        vocab: bert.config().vocab_size,
        texts: None,
        experts: match source.experts {
            ExpertInit::Random => None,
            ExpertInit::Copied => {
                let experts = settings.moe.experts.get();
                Some(bert.expert_bank(source.layer, experts)?)
            }
        },
    };
    for passages in passages.chunks(TOGETHER) {
        let rows = tokenizer.encode(passages, length)?;
        if rows.mask.contains(&false) {
            return Err(JobError::Failed(format!(
                "a passage of {length} words gave fewer than {length} tokens"
            )));
        }
        let shape = [rows.batch, rows.sequence];
        let ids: Vec<i32> = rows.ids.iter().map(|&id| id as i32).collect();
        let ids_bs = Tensor::<2, Int>::from_data(TensorData::new(ids, shape), &cx.device);
        let mask_bs = Tensor::<2, Bool>::from_data(TensorData::new(rows.mask, shape), &cx.device);
        let x_bsd = bert.hidden_states(ids_bs, mask_bs, source.tap)?;
        hidden.values.extend(x_bsd.into_data().iter::<f32>());
        hidden.ids.extend(rows.ids);
    }
    let words = tokenizer.words();
    let texts = hidden.ids.iter().map(|&id| words.token_text(id));
    hidden.texts = Some(texts.collect());
    Ok(hidden)
}

/// The validation text of a corpus, from which passages are taken.
pub(in crate::jobs) struct Passages {
    text: String,
}

impl Passages {
    /// Reads the text.
    pub(in crate::jobs) fn of(corpus: &CorpusConfig, data: &DataDir) -> Result<Self, JobError> {
        let text = corpora::valid_text(corpus, data)?.replace(SEPARATOR, " ");
        Ok(Self { text })
    }

    /// Whether it has a passage of so many words.
    pub(in crate::jobs) fn hold(&self, words: usize) -> bool {
        self.text.split_whitespace().take(words).count() == words
    }

    /// `count` passages of `words` words, which are that many tokens at least; after the end of the
    /// text comes its beginning. `None` where the text is shorter than a passage.
    fn take(&self, count: usize, words: usize, seed: u64) -> Option<Vec<String>> {
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
pub(in crate::jobs) fn short_of(words: usize, corpus: &str) -> String {
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
