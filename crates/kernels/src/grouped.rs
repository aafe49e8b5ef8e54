//! One matrix per expert over its rows.

use burn::tensor::{Int, Tensor};

use crate::Precision;

/// Multiplies each expert's rows by its matrix: rows `offsets[e]..offsets[e + 1]` of `x_md` by
/// `w_edf[e]`. Rows from `offsets[E]` on belong to no expert and give zero. Matrices of half precision
/// are multiplied as they are.
///
/// # Shapes
///
/// `x_md` `[M, D]` sorted by expert, `w_edf` `[E, D, F]`, `offsets` `[E + 1]` rising from 0, to
/// `[M, F]`.
///
/// # Gradients
///
/// Into `x_md` and `w_edf`.
#[must_use]
pub fn grouped_matmul(
    x_md: Tensor<2>,
    w_edf: Tensor<3>,
    offsets: Tensor<1, Int>,
    precision: Precision,
) -> Tensor<2> {
    if crate::is_host(&x_md.device()) {
        return crate::extension::grouped_matmul(x_md, w_edf, offsets, precision);
    }
    precision.multiply(x_md, w_edf, |x_md, w_edf| {
        if crate::has_fast_path(&x_md.device()) {
            crate::extension::grouped_matmul(x_md, w_edf, offsets, precision)
        } else {
            grouped_matmul_reference(x_md, w_edf, offsets)
        }
    })
}

/// [`grouped_matmul`] in plain tensor operations: every row by every matrix, masked, so it costs
/// E times the arithmetic. It reads nothing back from the device.
#[must_use]
pub fn grouped_matmul_reference(
    x_md: Tensor<2>,
    w_edf: Tensor<3>,
    offsets: Tensor<1, Int>,
) -> Tensor<2> {
    let [rows, _] = x_md.dims();
    let [experts, _, hidden] = w_edf.dims();
    let device = x_md.device();
    let row_m = Tensor::<1, Int>::arange(0..rows as i64, &device);
    let mut out = Tensor::zeros([rows, hidden], (&device, x_md.dtype()));
    for expert in 0..experts {
        let bound = |at: usize| offsets.clone().narrow(0, at, 1).expand([rows]);
        let mine = row_m
            .clone()
            .greater_equal(bound(expert))
            .bool_and(row_m.clone().lower(bound(expert + 1)));
        let w_df = w_edf.clone().narrow(0, expert, 1).squeeze_dim::<2>(0);
        // The mask is on both sides: rows of others may hold anything, and must get no gradient.
        let others = mine.bool_not().reshape([rows, 1]);
        let x = x_md
            .clone()
            .mask_fill(others.clone().expand(x_md.dims()), 0.0);
        out = out + x.matmul(w_df).mask_fill(others.expand([rows, hidden]), 0.0);
    }
    out
}
