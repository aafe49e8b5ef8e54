//! Any number of choices a token, in the order of preference.

use burn::tensor::{Bool, Int, Tensor};

/// The chosen experts of each token `[T, E]`, largest gate first and E behind the last, with their
/// gates, which are 0 there.
pub(crate) fn by_preference(
    gates_te: &Tensor<2>,
    chosen_te: &Tensor<2, Bool>,
) -> (Tensor<2, Int>, Tensor<2>) {
    let [_, experts] = gates_te.dims();
    let rest_te = chosen_te.clone().bool_not();
    // Gates are not negative: what was not chosen comes last.
    let order_te = kernels::argsort_descending(gates_te.clone().mask_fill(rest_te.clone(), -1.0));
    let rest_te = rest_te.int().gather(1, order_te.clone()).greater_elem(0);
    let gates_te = gates_te.clone().gather(1, order_te.clone());
    (
        order_te.mask_fill(rest_te.clone(), experts as i64),
        gates_te.mask_fill(rest_te, 0.0),
    )
}
