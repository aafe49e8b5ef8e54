//! Hidden states of an encoder that reads real text.

use burn::tensor::{Bool, Int, Tensor, TensorData};
use corpora::SentenceTokenizer;
use models_bert::Bert;

use super::{
    hidden::Hidden,
    passages::{Passages, joins_words, short_of},
    settings::{BertSource, ExpertInit, RouterSettings},
};
use crate::jobs::context::{JobContext, JobError};

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
    let text = Passages::of(&source.corpus, cx.data, &tokenizer)?;
    let passages = text.take(&tokenizer, count, length, cx.seed)?;
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
            return Err(JobError::Unsupported(joins_words(length)));
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
