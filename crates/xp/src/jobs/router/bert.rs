//! Hidden states of an encoder that reads real text.

use burn::tensor::{Bool, Int, Tensor, TensorData};
use corpora::{SEPARATOR, SentenceTokenizer};
use models_bert::{Bert, BertError};

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
    let text = corpora::valid_text(&source.corpus, cx.data)?.replace(SEPARATOR, " ");
    let length = source.sequence.get();
    let count = settings.hidden.tokens.get() / length;
    let passages = passages(&text, count, length, cx.trial.seed).ok_or_else(|| {
        JobError::Unsupported(format!(
            "the validation text of {} has fewer than the {length} words of a passage; lower \
             `hidden.source.bert.sequence` or choose another corpus",
            source.corpus.name()
        ))
    })?;

    let refused = |error: BertError| JobError::Unsupported(error.to_string());
    let bert = Bert::load(&folder, &cx.device).map_err(refused)?;
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
                Some(bert.expert_bank(source.layer, experts).map_err(refused)?)
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
        let x_bsd = bert
            .hidden_states(ids_bs, mask_bs, source.tap)
            .map_err(refused)?;
        hidden.values.extend(x_bsd.into_data().iter::<f32>());
        hidden.ids.extend(rows.ids);
    }
    let words = tokenizer.words();
    let texts = hidden.ids.iter().map(|&id| words.token_text(id));
    hidden.texts = Some(texts.collect());
    Ok(hidden)
}

/// `count` passages of `words` words, which are that many tokens at least; after the end of the text
/// comes its beginning. `None` where the text is shorter than a passage.
fn passages(text: &str, count: usize, words: usize, seed: u64) -> Option<Vec<String>> {
    let all: Vec<&str> = text.split_whitespace().collect();
    if all.len() < words {
        return None;
    }
    let start = corpora::below(&mut corpora::stream(seed, "passages", 0), all.len());
    let passage = |number: usize| -> String {
        let first = start + number * words;
        let own = (first..first + words).map(|at| all[at % all.len()]);
        own.collect::<Vec<_>>().join(" ")
    };
    Some((0..count).map(passage).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_follow_one_another_and_go_round() {
        let text = "a b c d e";
        let found = passages(text, 3, 2, 17).unwrap();
        let words: Vec<&str> = found
            .iter()
            .flat_map(|passage| passage.split(' '))
            .collect();
        assert_eq!(words.len(), 6);
        let at = |word: &str| text.split(' ').position(|other| other == word).unwrap();
        for pair in words.windows(2) {
            assert_eq!((at(pair[0]) + 1) % 5, at(pair[1]), "{words:?}");
        }
        assert_eq!(passages(text, 1, 6, 17), None);
    }
}
