//! The k largest of each row.

use burn::tensor::{Int, Tensor};

/// Above this many picks a sort is cheaper than one pass over the row per pick.
const SELECTION_LIMIT: usize = 8;

/// Indices of the k largest of each row, best first; of equals, the first comes first (up to
/// eight picks; beyond that equals come in the backend's sorting order).
///
/// `topk_with_indices` of the tensor library sorts on the host under autodiff, and its `argtopk`
/// refuses `k = n`; here small `k`, the case of routing, is k passes of arg-max on the device.
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
    let [_, n] = values.dims();
    assert!(k >= 1 && k <= n, "top_k: k = {k} is not within 1..={n}");
    let values = values.detach();
    if k > SELECTION_LIMIT {
        // On a GPU the library keeps all k of a row in each unit's registers.
        return if k == n || crate::is_gpu(&values.device()) {
            crate::argsort_descending(values).narrow(1, 0, k)
        } else {
            values.argtopk(k, 1)
        };
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

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn picks(row: [f32; 4], k: usize) -> Vec<i32> {
        top_k(Tensor::from_floats([row], &Device::flex()), k)
            .into_data()
            .try_to_vec()
            .unwrap()
    }

    #[test]
    fn gives_the_largest_first_and_the_first_of_equals() {
        assert_eq!(picks([0.1, 0.4, 0.2, 0.3], 3), [1, 3, 2]);
        assert_eq!(picks([0.5, 0.5, 0.1, 0.5], 2), [0, 1]);
        assert_eq!(picks([0.1, 0.4, 0.2, 0.3], 4), [1, 3, 2, 0]);
    }

    #[test]
    fn many_picks_agree_with_few() {
        let device = Device::flex();
        let row: Vec<f32> = (0..12).map(|i| ((i * 7) % 12) as f32).collect();
        let values = Tensor::<1>::from_floats(row.as_slice(), &device).reshape([1, 12]);
        for k in [9, 12] {
            let many: Vec<i32> = top_k(values.clone(), k).into_data().try_to_vec().unwrap();
            let few: Vec<i32> = top_k(values.clone(), 3).into_data().try_to_vec().unwrap();
            assert_eq!(many[..3], few[..]);
            assert_eq!(many.len(), k);
        }
    }
}
