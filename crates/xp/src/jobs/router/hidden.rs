//! The hidden states of a trial, from whichever source.

use burn::tensor::{Device, Int, Tensor, TensorData};
use moe_layer::{BatchRows, Capacity, ExpertBank, MoeContext};

use super::settings::RouterSettings;
use crate::jobs::random::{named_seed, normal};

/// Hidden states before they are scaled, and what comes with them.
pub(super) struct Hidden {
    /// N D numbers, token by token.
    pub(super) values: Vec<f32>,
    /// D.
    pub(super) width: usize,
    /// The id of each token.
    pub(super) ids: Vec<u32>,
    /// Number of token ids.
    pub(super) vocab: usize,
    /// The text of each token, where there is any.
    pub(super) texts: Option<Vec<String>>,
    /// Experts that come from the same place, where they were asked for.
    pub(super) experts: Option<ExpertBank>,
}

/// One batch as the layer takes it.
pub(super) struct Batch {
    /// Hidden states `[T, D]`.
    pub(super) x_td: Tensor<2>,
    /// The rest.
    pub(super) context: MoeContext,
}

impl Hidden {
    /// Standard normal ones, of ids that are all alike likely.
    pub(super) fn random(tokens: usize, width: usize, vocab: usize, seed: u64) -> Self {
        let mut ids = corpora::stream(seed, "token-ids", 0);
        let mut numbers = corpora::stream(seed, "hidden-states", 0);
        Self {
            values: (0..tokens * width)
                .map(|_| normal(&mut numbers) as f32)
                .collect(),
            width,
            ids: (0..tokens)
                .map(|_| corpora::below(&mut ids, vocab) as u32)
                .collect(),
            vocab,
            texts: None,
            experts: None,
        }
    }

    /// What every number is multiplied by.
    fn factor(&self, settings: &RouterSettings) -> f32 {
        let scale = settings.hidden.scale.get();
        let normalised = settings.hidden.rms.map_or(1.0, |wanted| {
            let squares = self.values.iter().map(|&number| f64::from(number).powi(2));
            let mean = squares.sum::<f64>() / self.values.len() as f64;
            wanted.get() / mean.sqrt()
        });
        (scale * normalised) as f32
    }

    /// Whether every number is finite once it is scaled.
    pub(super) fn is_finite(&self, settings: &RouterSettings) -> bool {
        let scale = self.factor(settings);
        let mut scaled = self.values.iter().map(|number| number * scale);
        scaled.all(f32::is_finite)
    }

    /// The batches, scaled, on the device: every token is in one of them.
    pub(super) fn batches(
        &self,
        settings: &RouterSettings,
        seed: u64,
        device: &Device,
    ) -> Vec<Batch> {
        let shape = settings.hidden.shape;
        let (tokens, scale) = (shape.tokens(), self.factor(settings));
        let rows = self.values.chunks_exact(tokens * self.width);
        let batch = |(numbers, ids): (&[f32], &[u32])| {
            let scaled: Vec<f32> = numbers.iter().map(|number| number * scale).collect();
            let ids: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
            Batch {
                x_td: Tensor::from_data(TensorData::new(scaled, [tokens, self.width]), device),
                context: MoeContext {
                    token_ids_t: Tensor::<1, Int>::from_data(
                        TensorData::new(ids, [tokens]),
                        device,
                    ),
                    rows: BatchRows::equal(shape.sequences.get(), shape.length.get()),
                    noise_seed: named_seed(seed, "noise"),
                    training: false,
                    capacity: Capacity::Training,
                    precision: settings.measure.precision.on(device),
                },
            }
        };
        rows.zip(self.ids.chunks_exact(tokens)).map(batch).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_mean_square_is_met_before_the_scale() {
        let mut hidden = Hidden::random(2, 2, 8, 0);
        // Mean square (9 + 16 + 0 + 0) / 4, so a root of 2.5.
        hidden.values = vec![3.0, -4.0, 0.0, 0.0];
        let settings = |text: &str| toml::from_str::<RouterSettings>(text).unwrap();
        assert_eq!(hidden.factor(&settings("")), 1.0);
        assert_eq!(hidden.factor(&settings("hidden.rms = 1.0")), 0.4);
        let both = settings("hidden = { rms = 5.0, scale = 0.5 }");
        assert_eq!(hidden.factor(&both), 1.0);
    }
}
