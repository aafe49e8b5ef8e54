//! The experts' activation.

use burn::tensor::{Tensor, activation};

/// `gelu(x) = x * Phi(x)`, exact up to f32 rounding (not the tanh approximation), `Phi` the
/// standard normal distribution function.
///
/// # Gradients
///
/// `Phi(x) + x * phi(x)`, `phi` the standard normal density.
#[must_use]
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if crate::has_fast_path(&x.device()) {
        return crate::extension::gelu(x);
    }
    gelu_reference(x)
}

/// [`gelu`] in the tensor library's own operation.
#[must_use]
pub fn gelu_reference<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::gelu(x)
}
