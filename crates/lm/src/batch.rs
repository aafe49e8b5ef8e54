//! Token ids as a pass reads them.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::RowTexts;

/// Rows of equal length, and the id that follows each.
///
/// A row is one text, or what `texts` says: `0 0 1 1 1` is a text of three tokens behind padding on its left, and
/// `1 1 2 2 2` are two texts that share a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBatch {
    /// `rows * length` ids.
    pub inputs: Vec<u32>,
    /// The id that follows each input.
    pub targets: Vec<u32>,
    /// Which targets count in the loss; all of real inputs where it is not said.
    pub counted: Option<Vec<bool>>,
    /// The number of each input's text within its row, from 1, and 0 for padding; where it is not said, each row is one
    /// text.
    pub texts: Option<Vec<u32>>,
    /// B.
    pub rows: usize,
    /// S.
    pub length: usize,
}

impl TokenBatch {
    /// The inputs `[B, S]` on a device.
    #[must_use]
    pub fn ids_bs(&self, device: &Device) -> Tensor<2, Int> {
        integers(&self.inputs, device).reshape([self.rows, self.length])
    }

    /// The targets `[B * S]` on a device.
    #[must_use]
    pub fn targets_t(&self, device: &Device) -> Tensor<1, Int> {
        integers(&self.targets, device)
    }

    /// The texts of its rows on a device; `None` where each row is one.
    #[must_use]
    pub fn row_texts(&self, device: &Device) -> Option<RowTexts> {
        let texts = self.texts.as_ref()?;
        Some(RowTexts::of(texts, self.length, device))
    }

    /// How many inputs are real, and not padding.
    #[must_use]
    pub fn num_real(&self) -> usize {
        match &self.texts {
            None => self.inputs.len(),
            Some(texts) => texts.iter().filter(|text| **text != 0).count(),
        }
    }

    /// Whether the target at a place counts.
    #[must_use]
    pub fn counts(&self, place: usize) -> bool {
        let counted = self.counted.as_ref();
        let texts = self.texts.as_ref();
        counted.is_none_or(|counted| counted[place]) && texts.is_none_or(|texts| texts[place] != 0)
    }

    /// How many targets count.
    #[must_use]
    pub fn num_counted(&self) -> usize {
        let places = 0..self.targets.len();
        places.filter(|place| self.counts(*place)).count()
    }

    /// 1 for each target that counts, 0 for the others, `[B * S]`; `None` where all count.
    #[must_use]
    pub fn weights_t(&self, device: &Device) -> Option<Tensor<1>> {
        if self.counted.is_none() && self.texts.is_none() {
            return None;
        }
        let weights: Vec<f32> = (0..self.targets.len())
            .map(|place| f32::from(u8::from(self.counts(place))))
            .collect();
        Some(Tensor::from_data(weights.as_slice(), device))
    }
}

fn integers(values: &[u32], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.iter().map(|&value| value as i32).collect();
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}
