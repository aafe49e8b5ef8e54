//! Models with mixtures in them.

use crate::MoeLayer;

/// A model with mixtures in it, to be walked over.
pub trait Mixtures: Sized {
    /// Each mixture, with the number of its layer in the model.
    fn mixtures(&self) -> Vec<(usize, &MoeLayer)>;

    /// The model with what is made of each of its mixtures, in the order of
    /// [`mixtures`](Self::mixtures).
    ///
    /// # Errors
    ///
    /// The first that `change` gives.
    fn map_mixtures<E>(
        self,
        change: impl FnMut(usize, MoeLayer) -> Result<MoeLayer, E>,
    ) -> Result<Self, E>;
}
