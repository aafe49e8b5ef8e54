//! Softmax over the last dimension.

use burn::tensor::{Tensor, activation};

/// `y[j] = exp(x[j]) / sum_i(exp(x[i]))` over the last dimension, from differences to the row's
/// largest value, so that no size of `x` overflows.
///
/// Minus infinity gives exactly zero; a row that is minus infinity throughout, or that holds NaN or
/// plus infinity, gives NaN throughout.
///
/// # Gradients
///
/// `y * (dy - sum_j(dy[j] y[j]))`.
#[must_use]
pub fn softmax<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if crate::is_host(&x.device()) {
        return crate::extension::softmax(x);
    }
    softmax_reference(x)
}

/// [`softmax`] in the tensor library's own operation.
#[must_use]
pub fn softmax_reference<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::softmax(x, D - 1)
}
