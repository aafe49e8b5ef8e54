//! Several texts in the rows of a batch, and padding.

use burn::tensor::{Device, Int, Tensor, TensorData};
use moe_layer::BatchRows;

/// Which texts the rows of a batch are: places begin anew with each, attention does not cross from one to another, and
/// padding is neither seen nor routed.
#[derive(Debug, Clone)]
pub struct RowTexts {
    /// The number of each token's text within its row, 0 for padding, `[B, S]`.
    pub(crate) texts_bs: Tensor<2, Int>,
    /// The place of each token in its text, `[B, S]`.
    pub(crate) places_bs: Tensor<2, Int>,
    /// The texts as the sequences that mixtures route.
    pub(crate) rows: BatchRows,
}

impl RowTexts {
    /// Rows of `length` tokens, of which `texts` has the number of each token's text within its row, from 1, and 0 for
    /// padding, wherever that stands. The tokens of a text are neighbours.
    ///
    /// # Panics
    ///
    /// When `texts` is no whole number of rows.
    #[must_use]
    pub fn of(texts: &[u32], length: usize, device: &Device) -> Self {
        assert!(
            length > 0 && texts.len().is_multiple_of(length),
            "{} tokens are no rows of {length}",
            texts.len()
        );
        let mut places = Vec::with_capacity(texts.len());
        let mut sequences: Vec<Vec<bool>> = Vec::new();
        for row in texts.chunks(length) {
            for text in row.chunk_by(|one, next| one == next) {
                places.extend(0..text.len() as i32);
                sequences.push(vec![text[0] != 0; text.len()]);
            }
        }
        let shape = [texts.len() / length, length];
        let texts: Vec<i32> = texts.iter().map(|&text| text as i32).collect();
        let sequences = sequences.iter().map(Vec::as_slice);
        Self {
            texts_bs: Tensor::from_data(TensorData::new(texts, shape), device),
            places_bs: Tensor::from_data(TensorData::new(places, shape), device),
            rows: BatchRows::of_rows(sequences, device),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_begin_anew_and_texts_are_sequences() {
        // A text of two behind padding; one of one token, then one of two.
        let texts = RowTexts::of(&[0, 1, 1, 1, 2, 2], 3, &Device::flex());
        let integers = |tensor: Tensor<2, Int>| -> Vec<i32> { tensor.into_data().iter().collect() };
        assert_eq!(integers(texts.places_bs), [0, 0, 1, 0, 0, 1]);
        assert_eq!(integers(texts.texts_bs), [0, 1, 1, 1, 2, 2]);
        let lengths = [2, 1, 2];
        assert_eq!(
            *texts.rows.sequences(),
            routers::Sequences::of_lengths(lengths)
        );
    }
}
