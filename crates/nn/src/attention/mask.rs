//! Which keys a query sees.

use burn::tensor::{Bool, Device, Tensor};

/// Which keys a query sees: those up to its own place or all, and of these the ones that are real.
#[derive(Debug, Clone)]
pub struct Mask {
    causal: bool,
    /// `[B, K]`.
    real_bk: Option<Tensor<2, Bool>>,
}

impl Mask {
    /// Earlier keys and its own.
    #[must_use]
    pub const fn causal() -> Self {
        Self {
            causal: true,
            real_bk: None,
        }
    }

    /// All keys.
    #[must_use]
    pub const fn both_ways() -> Self {
        Self {
            causal: false,
            real_bk: None,
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

    /// Whether it is causal and leaves out nothing else.
    pub(super) const fn is_plainly_causal(&self) -> bool {
        self.causal && self.real_bk.is_none()
    }

    /// True for what is not seen, of scores `[B, H, S, K]`. The S queries are the last of K places.
    pub(super) fn hidden(&self, dims: [usize; 4], device: &Device) -> Option<Tensor<4, Bool>> {
        let [batch, _, queries, keys] = dims;
        let future = self.causal.then(|| {
            let before = (keys - queries) as i64;
            Tensor::<2, Bool>::tril_mask([queries, keys], before, device)
                .unsqueeze::<4>()
                .expand(dims)
        });
        let padding = self.real_bk.as_ref().map(|real_bk| {
            let padding = real_bk.clone().bool_not();
            padding.reshape([batch, 1, 1, keys]).expand(dims)
        });
        match (future, padding) {
            (Some(future), Some(padding)) => Some(future.bool_or(padding)),
            (future, padding) => future.or(padding),
        }
    }
}
