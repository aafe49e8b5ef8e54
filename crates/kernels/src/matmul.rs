//! Products of two tensors.

use burn::tensor::{Int, Tensor};

use crate::{Precision, extension};

/// `a * b` over the last two dimensions, with factors of the given precision; gradients are
/// multiplied the same way. A `b` of half precision is multiplied as it is, and never widened as a whole.
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
    precision.multiply(a, b, matmul_reference)
}

/// `a * b^T` with factors of the given precision, for a `b` whose rows stand in memory one after another
/// and are not to be copied: the logits of a head that is the embedding.
///
/// # Shapes
///
/// `a_mk` `[M, K]`, `b_nk` `[N, K]`, to `[M, N]`.
///
/// # Gradients
///
/// Into both.
#[must_use]
pub fn matmul_transposed(a_mk: Tensor<2>, b_nk: Tensor<2>, precision: Precision) -> Tensor<2> {
    let device = a_mk.device();
    if crate::is_host(&device) {
        let [rows, _] = a_mk.dims();
        let offsets = Tensor::from_ints([0, rows as i32], &device);
        let b_1nk = b_nk.unsqueeze();
        return extension::grouped_matmul_transposed(a_mk, b_1nk, offsets, precision);
    }
    precision.multiply(a_mk, b_nk.transpose(), matmul_reference)
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
