//! Products of two tensors.

use burn::tensor::{Int, Tensor};

use crate::{Precision, extension};

/// `a * b` over the last two dimensions, with factors of the given precision; gradients are
/// multiplied the same way.
///
/// # Shapes
///
/// `a` `[.., M, K]`, `b` `[.., K, N]`, leading dimensions equal or 1, to `[.., M, N]`.
///
/// # Gradients
///
/// Into both.
#[must_use]
pub fn matmul<const D: usize>(a: Tensor<D>, b: Tensor<D>, precision: Precision) -> Tensor<D> {
    if crate::is_host(&a.device()) {
        if let Some(product) = on_host(&a, &b, precision) {
            return product;
        }
        // What is left is small or of odd shape, and f32 is what the CPU does best.
        return matmul_reference(a, b);
    }
    precision.leave(matmul_reference(precision.enter(a), precision.enter(b)))
}

/// [`matmul`] in the tensor library's own operation.
#[must_use]
pub fn matmul_reference<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    a.matmul(b)
}

/// A product of stacks of equal size is a grouped product: each matrix of `a` is a group of rows.
/// Nothing if the stacks differ.
fn on_host<const D: usize>(
    a: &Tensor<D>,
    b: &Tensor<D>,
    precision: Precision,
) -> Option<Tensor<D>> {
    let (left, right) = (a.dims(), b.dims());
    if D < 2 || left[..D - 2] != right[..D - 2] {
        return None;
    }
    let stack = left[..D - 2].iter().product::<usize>();
    let [rows, inner, outer] = [left[D - 2], left[D - 1], right[D - 1]];
    let mut shape = left;
    shape[D - 1] = outer;
    let offsets = Tensor::<1, Int>::arange(0..stack as i64 + 1, &a.device()) * rows as i64;
    let product = extension::grouped_matmul(
        a.clone().reshape([stack * rows, inner]),
        b.clone().reshape([stack, inner, outer]),
        offsets,
        precision,
    );
    Some(product.reshape(shape))
}
