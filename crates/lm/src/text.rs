//! Which texts a model can read.

use crate::{LmError, LmLimits};

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
