//! More prompts than fit into one batch.

use std::num::NonZeroUsize;

use super::{Generated, GenerationConfig, generate, search};
use crate::{Decoder, LmError};

/// Writes behind many prompts, `batch` of them at a time, those of like length together: each as if it were alone,
/// in the order of the prompts. Of a model that does not pad, prompts of one length share a batch. One beam is
/// [`generate`], several are [`search`].
///
/// # Errors
///
/// What [`generate`] refuses, with the number of a prompt within its batch, and logits that are no numbers.
///
/// # Panics
///
/// On batches of no rows.
pub fn write_all<M: Decoder>(
    model: &M,
    prompts: &[Vec<u32>],
    batch: usize,
    beams: NonZeroUsize,
    config: &GenerationConfig,
) -> Result<Vec<Generated>, LmError> {
    let pads = model.limits().pads;
    let mut order: Vec<usize> = (0..prompts.len()).collect();
    // The longest first: what does not fit into memory shows at once.
    order.sort_by_key(|number| std::cmp::Reverse(prompts[*number].len()));
    let alike = |one: &usize, other: &usize| pads || prompts[*one].len() == prompts[*other].len();
    let mut written = vec![None; prompts.len()];
    for numbers in order.chunk_by(alike).flat_map(|alike| alike.chunks(batch)) {
        let some: Vec<Vec<u32>> = numbers
            .iter()
            .map(|number| prompts[*number].clone())
            .collect();
        let generated = match beams.get() {
            1 => generate(model, &some, config)?.finish()?,
            _ => search(model, &some, beams, config)?,
        };
        for (number, generated) in numbers.iter().zip(generated) {
            written[*number] = Some(generated);
        }
    }
    Ok(written.into_iter().flatten().collect())
}
