//! Token ids as a pass reads them.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Rows of equal length, and the id that follows each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBatch {
    /// `rows * length` ids.
    pub inputs: Vec<u32>,
    /// The id that follows each input.
    pub targets: Vec<u32>,
    /// Which targets count in the loss; all where it is not said.
    pub counted: Option<Vec<bool>>,
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

    /// How many targets count.
    #[must_use]
    pub fn num_counted(&self) -> usize {
        match &self.counted {
            None => self.targets.len(),
            Some(counted) => counted.iter().filter(|counts| **counts).count(),
        }
    }

    /// 1 for each target that counts, 0 for the others, `[B * S]`; `None` where all count.
    #[must_use]
    pub fn weights_t(&self, device: &Device) -> Option<Tensor<1>> {
        let counted = self.counted.as_ref()?;
        let weights: Vec<f32> = counted
            .iter()
            .map(|&counts| f32::from(u8::from(counts)))
            .collect();
        Some(Tensor::from_data(weights.as_slice(), device))
    }
}

fn integers(values: &[u32], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.iter().map(|&value| value as i32).collect();
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}
