//! Rows of tokens to the order of experts, and back.

use burn::tensor::{IndexingUpdateOp, Int, Tensor};

/// Copies tokens into packed rows: row `m` is token `rows_m[m]`, or zero where that is `T`.
///
/// # Shapes
///
/// `x_td` `[T, D]`, `rows_m` `[M]` with values in `0..=T`, to `[M, D]`.
///
/// # Gradients
///
/// Into `x_td`: the sum over the rows that copied a token, in the order of the rows.
#[must_use]
pub fn pack(x_td: Tensor<2>, rows_m: Tensor<1, Int>) -> Tensor<2> {
    if crate::has_fast_path(&x_td.device()) {
        return crate::extension::pack(x_td, rows_m);
    }
    pack_reference(x_td, rows_m)
}

/// [`pack`] in plain tensor operations.
#[must_use]
pub fn pack_reference(x_td: Tensor<2>, rows_m: Tensor<1, Int>) -> Tensor<2> {
    let [_, width] = x_td.dims();
    let [packed] = rows_m.dims();
    let nothing = Tensor::zeros([1, width], &x_td.device());
    // `gather` and not `select`: on GPUs the backward pass of `select` is one serial loop.
    Tensor::cat(vec![x_td, nothing], 0)
        .gather(0, rows_m.reshape([packed, 1]).expand([packed, width]))
}

/// Adds weighted packed rows to their tokens: `out[t] = sum over rows_m[m] = t of gates_m * y_md`.
/// Rows that hold no token (`rows_m[m] = T`) are ignored, whatever they contain.
///
/// # Shapes
///
/// `y_md` `[M, D]`, `rows_m` `[M]` with values in `0..=T`, `gates_m` `[M]`, to `[T, D]`.
///
/// # Gradients
///
/// Into `y_md` (`gates_m * dout[rows_m]`) and `gates_m` (`<y_md, dout[rows_m]>`).
#[must_use]
pub fn combine(
    y_md: Tensor<2>,
    rows_m: Tensor<1, Int>,
    gates_m: Tensor<1>,
    tokens: usize,
) -> Tensor<2> {
    if crate::has_fast_path(&y_md.device()) {
        return crate::extension::combine(y_md, rows_m, gates_m, tokens);
    }
    combine_reference(y_md, rows_m, gates_m, tokens)
}

/// [`combine`] in plain tensor operations.
#[must_use]
pub fn combine_reference(
    y_md: Tensor<2>,
    rows_m: Tensor<1, Int>,
    gates_m: Tensor<1>,
    tokens: usize,
) -> Tensor<2> {
    let [packed, width] = y_md.dims();
    let empty_md = rows_m
        .clone()
        .equal_elem(tokens as i64)
        .reshape([packed, 1])
        .expand([packed, width]);
    // Masked before the product and not after it: an empty row may hold anything, and what is not
    // a number would otherwise reach the gradient of its gate.
    let weighted = y_md.mask_fill(empty_md, 0.0) * gates_m.reshape([packed, 1]);
    Tensor::zeros([tokens + 1, width], &weighted.device())
        .scatter(
            0,
            rows_m.reshape([packed, 1]).expand([packed, width]),
            weighted,
            IndexingUpdateOp::Add,
        )
        .narrow(0, 0, tokens)
}
