//! Which keys a query sees.

use burn::tensor::{Bool, Device, Int, Tensor};

/// Which keys a query sees: those up to its own place or all, and of these the ones that are real and of its own text.
#[derive(Debug, Clone)]
pub struct Mask {
    causal: bool,
    /// `[B, K]`.
    real_bk: Option<Tensor<2, Bool>>,
    /// `[B, K]`.
    texts_bk: Option<Tensor<2, Int>>,
}

impl Mask {
    /// Earlier keys and its own.
    #[must_use]
    pub const fn causal() -> Self {
        Self {
            causal: true,
            real_bk: None,
            texts_bk: None,
        }
    }

    /// All keys.
    #[must_use]
    pub const fn both_ways() -> Self {
        Self {
            causal: false,
            real_bk: None,
            texts_bk: None,
        }
    }

    /// Of these only the keys that are true in `real_bk` `[B, K]`; the others are padding.
    #[must_use]
    pub fn with_real(self, real_bk: Tensor<2, Bool>) -> Self {
        Self {
            real_bk: Some(real_bk),
            ..self
        }
    }

    /// Of these only the keys of the query's own text, by the numbers that texts have in `texts_bk` `[B, K]`. Padding
    /// that has a number of its own is a text that no other sees.
    #[must_use]
    pub fn with_texts(self, texts_bk: Tensor<2, Int>) -> Self {
        Self {
            texts_bk: Some(texts_bk),
            ..self
        }
    }

    /// Whether it is causal and leaves out nothing else.
    pub(super) const fn is_plainly_causal(&self) -> bool {
        self.causal && self.real_bk.is_none() && self.texts_bk.is_none()
    }

    /// What is added to scores `[B, H, S, K]`, `[B or 1, 1, S or 1, K]`: 0 for what is seen, else the
    /// smallest number. The S queries are the last of K places. `None` where all is seen.
    pub(super) fn added(&self, dims: [usize; 4], device: &Device) -> Option<Tensor<4>> {
        let [batch, _, queries, keys] = dims;
        let all = [batch, 1, queries, keys];
        let future = self.causal.then(|| {
            let before = (keys - queries) as i64;
            let future = Tensor::<2, Bool>::tril_mask([queries, keys], before, device);
            future.reshape([1, 1, queries, keys])
        });
        let padding = self.real_bk.as_ref().map(|real_bk| {
            let padding = real_bk.clone().bool_not();
            padding.reshape([batch, 1, 1, keys])
        });
        let others = self.texts_bk.as_ref().map(|texts_bk| {
            let own = texts_bk.clone().narrow(1, keys - queries, queries);
            let own = own.reshape([batch, 1, queries, 1]).expand(all);
            own.not_equal(texts_bk.clone().reshape([batch, 1, 1, keys]).expand(all))
        });
        let hidden = [future, padding, others].into_iter().flatten();
        let hidden = hidden.reduce(|some, more| some.expand(all).bool_or(more.expand(all)))?;
        Some(hidden.float() * f32::MIN)
    }
}
