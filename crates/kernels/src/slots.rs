//! A token's place in its expert's queue.

use burn::tensor::{Int, Tensor};

/// For each assignment, how many earlier ones went to the same expert: `experts_a` `[A]` to
/// `[A]`. An index of E or more belongs to no queue and gets 0.
#[must_use]
pub fn expert_slots(experts_a: Tensor<1, Int>, experts: usize) -> Tensor<1, Int> {
    if crate::has_fast_path(&experts_a.device()) {
        return crate::extension::expert_slots(experts_a, experts);
    }
    expert_slots_reference(experts_a, experts)
}

/// [`expert_slots`] in plain tensor operations, with an `[A, E]` buffer.
#[must_use]
pub fn expert_slots_reference(experts_a: Tensor<1, Int>, experts: usize) -> Tensor<1, Int> {
    let hot_ae = one_hot(experts_a, experts);
    let before_ae = scan_rows(hot_ae.clone()) - hot_ae.clone();
    (before_ae * hot_ae).sum_dim(1).squeeze_dim::<1>(1).int()
}

/// `[A]` to `[A, E]` without the two host reads of the tensor library's own one-hot.
pub(crate) fn one_hot(experts_a: Tensor<1, Int>, experts: usize) -> Tensor<2> {
    let [assignments] = experts_a.dims();
    let range = Tensor::<1, Int>::arange(0..experts as i64, &experts_a.device());
    let ids_ae = experts_a
        .reshape([assignments, 1])
        .expand([assignments, experts]);
    ids_ae
        .equal(range.reshape([1, experts]).expand([assignments, experts]))
        .float()
}

/// Inclusive scan over the rows in two levels, because a GPU's `cumsum` here costs the square of
/// its length. Exact while counts stay below 2^24, the whole numbers that f32 holds.
fn scan_rows(x_ae: Tensor<2>) -> Tensor<2> {
    const BLOCK: usize = 128;
    let [rows, experts] = x_ae.dims();
    let blocks = rows.div_ceil(BLOCK);
    let missing = blocks * BLOCK - rows;
    let x_ae = if missing == 0 {
        x_ae
    } else {
        let padding = Tensor::zeros([missing, experts], &x_ae.device());
        Tensor::cat(vec![x_ae, padding], 0)
    };
    let inner = x_ae.reshape([blocks, BLOCK, experts]).cumsum(1);
    let sums = inner.clone().narrow(1, BLOCK - 1, 1).squeeze_dim::<2>(1);
    let before = sums.clone().cumsum(0) - sums;
    (inner + before.unsqueeze_dim::<3>(1))
        .reshape([blocks * BLOCK, experts])
        .narrow(0, 0, rows)
}
