//! The order of each row.

use burn::tensor::{Int, Tensor};

/// Indices of each row's values, largest first: `values` `[R, N]` to `[R, N]`, without gradient.
///
/// On GPUs, where the tensor library sorts on the host, a radix sort on the device that leaves
/// equals in their order; elsewhere equals come in the backend's sorting order.
#[must_use]
pub fn argsort_descending(values: Tensor<2>) -> Tensor<2, Int> {
    let values = values.detach();
    #[cfg(feature = "gpu")]
    if crate::is_gpu(&values.device()) {
        return crate::extension::argsort_descending(values);
    }
    values.argsort_descending(1)
}
