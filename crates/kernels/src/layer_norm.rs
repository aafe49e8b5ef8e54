//! Layer normalisation.

use burn::tensor::{Tensor, module};

/// Layer normalisation over the last axis: `y = (x - mean) / sqrt(variance + epsilon) * gamma +
/// beta`, the variance being the mean squared distance from the mean.
///
/// The fast path keeps mean and inverse deviation of each row, and computes all gradients in one
/// pass over the rows.
///
/// # Shapes
///
/// `x` `[.., D]`, `gamma_d` and `beta_d` `[D]`, to the shape of `x`.
///
/// # Gradients
///
/// Into all three.
///
/// # Panics
///
/// When `gamma_d` or `beta_d` is not as wide as `x`.
#[must_use]
pub fn layer_norm<const N: usize>(
    x: Tensor<N>,
    gamma_d: Tensor<1>,
    beta_d: Tensor<1>,
    epsilon: f64,
) -> Tensor<N> {
    let (width, [gamma], [beta]) = (x.dims()[N - 1], gamma_d.dims(), beta_d.dims());
    assert!(
        gamma == width && beta == width,
        "layer norm: rows of {width} values have a scale of {gamma} and a shift of {beta}"
    );
    if crate::is_host(&x.device()) {
        return crate::extension::layer_norm(x, gamma_d, beta_d, epsilon);
    }
    layer_norm_reference(x, gamma_d, beta_d, epsilon)
}

/// [`layer_norm`] in the tensor library's own operation.
#[must_use]
pub fn layer_norm_reference<const N: usize>(
    x: Tensor<N>,
    gamma_d: Tensor<1>,
    beta_d: Tensor<1>,
    epsilon: f64,
) -> Tensor<N> {
    module::layer_norm(x, gamma_d, Some(beta_d), epsilon)
}
