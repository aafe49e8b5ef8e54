//! What stands behind a layer's attention: one network, or a mixture in its place.

use burn::{module::Module, tensor::Tensor};

use crate::{Ffn, MoeContext, MoeLayer, MoeOutput};

/// One network, or a mixture in its place.
#[derive(Module, Debug)]
pub enum FeedForward {
    /// One network for every token.
    Dense(Ffn),
    /// A mixture of experts.
    Mixture(MoeLayer),
}

impl FeedForward {
    /// `x_td` `[T, D]` to `[T, D]`, and what a mixture did.
    #[must_use]
    pub fn forward(&self, x_td: Tensor<2>, context: &MoeContext) -> (Tensor<2>, Option<MoeOutput>) {
        match self {
            Self::Dense(network) => (network.forward(x_td, context.manner()), None),
            Self::Mixture(moe) => {
                let out = moe.forward(x_td, context);
                (out.y_td.clone(), Some(out))
            }
        }
    }

    /// The mixture, if it is one.
    #[must_use]
    pub const fn mixture(&self) -> Option<&MoeLayer> {
        match self {
            Self::Dense(_) => None,
            Self::Mixture(moe) => Some(moe),
        }
    }

    /// The same with what is made of a mixture.
    ///
    /// # Errors
    ///
    /// That of `change`.
    pub fn map_mixture<E>(
        self,
        change: impl FnOnce(MoeLayer) -> Result<MoeLayer, E>,
    ) -> Result<Self, E> {
        match self {
            dense @ Self::Dense(_) => Ok(dense),
            Self::Mixture(moe) => change(moe).map(Self::Mixture),
        }
    }
}
