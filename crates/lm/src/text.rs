//! Which texts a model can read.

use crate::{LmError, LmLimits, TokenBatch};

/// Refuses a batch that a model cannot read: with padding or several texts in a row where it does not pad, with rows
/// that are too long, or with ids that it does not know.
///
/// # Errors
///
/// [`LmError::Pads`], [`LmError::Long`], [`LmError::Token`], [`LmError::Empty`] for rows of no tokens.
pub fn check_batch(batch: &TokenBatch, limits: LmLimits) -> Result<(), LmError> {
    if batch.texts.is_some() && !limits.pads {
        return Err(LmError::Pads);
    }
    for ids in [&batch.inputs, &batch.targets] {
        for (row, ids) in ids.chunks(batch.length.max(1)).enumerate() {
            check_text(&format!("window {row}"), ids, limits)?;
        }
    }
    Ok(())
}

/// Refuses a text that is empty, too long, or of ids that the model does not know.
pub(crate) fn check_text(text: &str, ids: &[u32], limits: LmLimits) -> Result<(), LmError> {
    if ids.is_empty() {
        let text = text.to_owned();
        return Err(LmError::Empty { text });
    }
    if ids.len() > limits.positions {
        return Err(LmError::Long {
            text: text.to_owned(),
            tokens: ids.len(),
            most: limits.positions,
        });
    }
    match ids.iter().find(|&&id| id as usize >= limits.vocab) {
        None => Ok(()),
        Some(&id) => Err(LmError::Token {
            text: text.to_owned(),
            id,
            vocab: limits.vocab,
        }),
    }
}
