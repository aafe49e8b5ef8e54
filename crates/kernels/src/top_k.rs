//! The k largest of each row.

use burn::tensor::{Int, Tensor};

/// Above this many picks a sort is cheaper than one pass over the row per pick.
const SELECTION_LIMIT: usize = 8;

/// Indices of the k largest of each row, best first; of equals, the first comes first, on a GPU up
/// to eight picks.
///
/// `topk_with_indices` of the tensor library sorts on the host under autodiff, and its `argtopk`
/// refuses `k = n`; here the host reads each row once, and a GPU makes k passes of arg-max for a
/// small k, the case of routing.
///
/// # Shapes
///
/// `values` `[R, N]` to indices `[R, k]`. No gradient: gather the values to get one.
///
/// # Panics
///
/// If `k` is 0 or exceeds `N`.
#[must_use]
pub fn top_k(values: Tensor<2>, k: usize) -> Tensor<2, Int> {
    check(&values, k);
    if crate::is_host(&values.device()) {
        return crate::extension::top_k(values.detach(), k);
    }
    top_k_reference(values, k)
}

/// [`top_k`] in plain tensor operations.
///
/// # Panics
///
/// As [`top_k`].
#[must_use]
pub fn top_k_reference(values: Tensor<2>, k: usize) -> Tensor<2, Int> {
    check(&values, k);
    let values = values.detach();
    if k > SELECTION_LIMIT {
        return crate::argsort_descending(values).narrow(1, 0, k);
    }
    // What is taken becomes minus infinity, so nothing else may be: it would be taken twice.
    let mut left = if k > 1 {
        values.clamp_min(f32::MIN)
    } else {
        values
    };
    let mut picks = Vec::with_capacity(k);
    for pick in 0..k {
        let best = left.clone().argmax(1);
        if pick + 1 < k {
            left = left.scatter(
                1,
                best.clone(),
                Tensor::full(best.dims(), f32::NEG_INFINITY, &best.device()),
                burn::tensor::IndexingUpdateOp::Assign,
            );
        }
        picks.push(best);
    }
    Tensor::cat(picks, 1)
}

fn check(values: &Tensor<2>, k: usize) {
    let [_, n] = values.dims();
    assert!(k >= 1 && k <= n, "top_k: k = {k} is not within 1..={n}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn gives_the_largest_first_and_the_first_of_equals() {
        for op in [top_k, top_k_reference] {
            let picks = |row: [f32; 4], k: usize| -> Vec<i32> {
                let values = Tensor::from_floats([row], &Device::flex());
                op(values, k).into_data().try_to_vec().unwrap()
            };
            assert_eq!(picks([0.1, 0.4, 0.2, 0.3], 3), [1, 3, 2]);
            assert_eq!(picks([0.5, 0.5, 0.1, 0.5], 2), [0, 1]);
            assert_eq!(picks([0.1, 0.4, 0.2, 0.3], 4), [1, 3, 2, 0]);
        }
    }
}
