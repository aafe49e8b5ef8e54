//! Prompts of different lengths as one batch.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use moe_layer::{BatchRows, Capacity};

use super::GenerationConfig;
use crate::DecoderInput;

/// What stands where a row has no token; no token sees it.
const PADDING: i32 = 0;

/// The columns of a batch that the model is to read next, and which of all columns are real.
///
/// Prompts end together: the shorter ones stand behind padding on their left, so that the next token of
/// each belongs into the same column.
pub(super) struct Columns {
    rows: usize,
    /// Token ids and places, row by row.
    ids: Vec<i32>,
    places: Vec<i32>,
    /// Of all columns so far, row by row.
    real: Vec<Vec<bool>>,
}

impl Columns {
    /// All columns of the prompts.
    pub(super) fn of(prompts: &[Vec<u32>]) -> Self {
        let longest = prompts.iter().map(Vec::len).max().unwrap_or(0);
        let mut columns = Self {
            rows: prompts.len(),
            ids: Vec::with_capacity(prompts.len() * longest),
            places: Vec::with_capacity(prompts.len() * longest),
            real: Vec::with_capacity(prompts.len()),
        };
        for prompt in prompts {
            let padding = longest - prompt.len();
            columns.ids.extend(vec![PADDING; padding]);
            columns.ids.extend(prompt.iter().map(|&id| id as i32));
            columns.places.extend(vec![0; padding]);
            columns.places.extend(0..prompt.len() as i32);
            let real = (0..longest).map(|column| column >= padding);
            columns.real.push(real.collect());
        }
        columns
    }

    /// The column behind those read: for each row its token and that token's place, or nothing.
    pub(super) fn follow(&mut self, tokens: impl Iterator<Item = Option<(u32, usize)>>) {
        self.ids.clear();
        self.places.clear();
        for (real, token) in self.real.iter_mut().zip(tokens) {
            let (id, place) = token.map_or((PADDING, 0), |(id, place)| (id as i32, place as i32));
            self.ids.push(id);
            self.places.push(place);
            real.push(token.is_some());
        }
    }

    /// Keeps these rows, in this order; one may come several times.
    pub(super) fn select(&mut self, rows: &[usize]) {
        self.rows = rows.len();
        self.real = rows.iter().map(|row| self.real[*row].clone()).collect();
    }

    /// What the model is to read in this step.
    pub(super) fn input(
        &self,
        config: &GenerationConfig,
        step: u64,
        device: &Device,
    ) -> DecoderInput {
        DecoderInput {
            ids_bs: self.ids_bs(device),
            texts_bs: None,
            places_bs: self.places_bs(device),
            real_bk: self.real_bk(device),
            rows: self.routed(device),
            noise_seed: config.sampling.seed.wrapping_add(step),
            capacity: Capacity::Evaluation,
            precision: config.precision,
        }
    }

    /// `[B, S]`.
    fn ids_bs(&self, device: &Device) -> Tensor<2, Int> {
        self.integers(&self.ids, device)
    }

    /// `[B, S]`.
    fn places_bs(&self, device: &Device) -> Tensor<2, Int> {
        self.integers(&self.places, device)
    }

    fn integers(&self, values: &[i32], device: &Device) -> Tensor<2, Int> {
        let shape = [self.rows, values.len() / self.rows];
        Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
    }

    /// `[B, K]`; none where all are real.
    fn real_bk(&self, device: &Device) -> Option<Tensor<2, Bool>> {
        let real: Vec<bool> = self.real.iter().flatten().copied().collect();
        if real.iter().all(|real| *real) {
            return None;
        }
        let shape = [self.rows, real.len() / self.rows];
        Some(Tensor::from_data(TensorData::new(real, shape), device))
    }
}

impl Columns {
    /// Which of the tokens to be read are real.
    fn routed(&self, device: &Device) -> BatchRows {
        let length = self.ids.len() / self.rows;
        let last = self.real.iter().map(|row| &row[row.len() - length..]);
        BatchRows::of_rows(last, device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integers(tensor: Tensor<2, Int>) -> Vec<i32> {
        tensor.into_data().iter::<i32>().collect()
    }

    fn flags(tensor: Option<Tensor<2, Bool>>) -> Vec<bool> {
        let data = tensor.expect("there is padding").into_data();
        data.iter::<bool>().collect()
    }

    #[test]
    fn shorter_prompts_stand_behind_padding() {
        let device = Device::flex();
        let mut columns = Columns::of(&[vec![7, 8, 9], vec![5]]);
        assert_eq!(integers(columns.ids_bs(&device)), [7, 8, 9, 0, 0, 5]);
        assert_eq!(integers(columns.places_bs(&device)), [0, 1, 2, 0, 0, 0]);
        let real = flags(columns.real_bk(&device));
        assert_eq!(real, [true, true, true, false, false, true]);

        // The first has ended, the second goes on at its second place.
        columns.follow([None, Some((6, 1))].into_iter());
        assert_eq!(integers(columns.ids_bs(&device)), [0, 6]);
        assert_eq!(integers(columns.places_bs(&device)), [0, 1]);
        let real = flags(columns.real_bk(&device));
        assert_eq!(real, [true, true, true, false, false, false, true, true]);
    }

    #[test]
    fn prompts_of_one_length_have_no_padding() {
        let columns = Columns::of(&[vec![1, 2], vec![3, 4]]);
        assert!(columns.real_bk(&Device::flex()).is_none());
    }
}
