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

    /// What is added to scores `[B, H, S, K]`, `[B or 1, 1, S or 1, K]`: 0 for what is seen, else the
    /// smallest number. The S queries are the last of K places. `None` where all is seen.
    pub(super) fn added(&self, dims: [usize; 4], device: &Device) -> Option<Tensor<4>> {
        let [batch, _, queries, keys] = dims;
        let future = self.causal.then(|| {
            let before = (keys - queries) as i64;
            let future = Tensor::<2, Bool>::tril_mask([queries, keys], before, device);
            future.reshape([1, 1, queries, keys])
        });
        let padding = self.real_bk.as_ref().map(|real_bk| {
            let padding = real_bk.clone().bool_not();
            padding.reshape([batch, 1, 1, keys])
        });
        let hidden = match (future, padding) {
            (Some(future), Some(padding)) => {
                let all = [batch, 1, queries, keys];
                future.expand(all).bool_or(padding.expand(all))
            }
            (future, padding) => future.or(padding)?,
        };
        Some(hidden.float() * f32::MIN)
    }
}
