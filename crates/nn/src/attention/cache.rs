//! Keys and values of the tokens before, so that generation computes each once.

use burn::tensor::{Int, Tensor};

/// Keys and values of the tokens before, of one layer.
#[derive(Debug, Clone, Default)]
pub struct KeyValues {
    /// `[B, heads of keys, K, dh]` each.
    held: Option<(Tensor<4>, Tensor<4>)>,
}

impl KeyValues {
    /// K, how many places are held.
    #[must_use]
    pub fn places(&self) -> usize {
        self.held.as_ref().map_or(0, |(key, _)| key.dims()[2])
    }

    /// Those of these rows of the batch, in this order; one may come several times.
    #[must_use]
    pub fn select(self, rows: &Tensor<1, Int>) -> Self {
        let select = |x: Tensor<4>| x.select(0, rows.clone());
        Self {
            held: self
                .held
                .map(|(keys, values)| (select(keys), select(values))),
        }
    }

    /// Adds those of the coming tokens, and gives all.
    pub(super) fn extend(&mut self, key: Tensor<4>, value: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        let all = match self.held.take() {
            None => (key, value),
            Some((keys, values)) => (
                Tensor::cat(vec![keys, key], 2),
                Tensor::cat(vec![values, value], 2),
            ),
        };
        self.held = Some(all.clone());
        all
    }
}
