//! The sum of squares of a tensor.

use burn::tensor::Tensor;

/// `sum x^2` over all elements, as norms of gradients need it.
///
/// The fast path goes once over memory and stores no square; its sum does not depend on the threads.
///
/// # Shapes
///
/// `[..]` without autodiff, to `[1]`.
#[must_use]
pub fn sum_of_squares<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    if crate::is_host(&x.device()) {
        return crate::extension::sum_of_squares(x);
    }
    sum_of_squares_reference(x)
}

/// [`sum_of_squares`] in plain tensor operations.
#[must_use]
pub fn sum_of_squares_reference<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    x.square().sum()
}
