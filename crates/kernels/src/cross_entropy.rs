//! Softmax and cross-entropy in one.

use burn::tensor::{Int, Tensor, activation::log_softmax};

/// Mean negative log-likelihood of the targets, `mean_t(ln(sum_v exp(logits[t, v])) - logits[t,
/// targets[t]])`, in nats.
///
/// The fast path takes each exponential once: where a gradient is wanted, it is made on the way forward, and the
/// logits need not be kept.
///
/// # Shapes
///
/// `logits_tv` `[T, V]`, `targets_t` `[T]` in `0..V`, to `[1]`.
///
/// # Gradients
///
/// Into `logits_tv`: `(softmax(logits) - onehot(targets)) / T`.
///
/// # Panics
///
/// When there is not one target per row, and on a target that is not in `0..V`.
#[must_use]
pub fn cross_entropy(logits_tv: Tensor<2>, targets_t: Tensor<1, Int>) -> Tensor<1> {
    let ([tokens, _], [targets]) = (logits_tv.dims(), targets_t.dims());
    assert_eq!(
        tokens, targets,
        "cross-entropy: {tokens} rows of logits have {targets} targets"
    );
    if crate::is_host(&logits_tv.device()) {
        return crate::extension::cross_entropy(logits_tv, targets_t);
    }
    cross_entropy_reference(logits_tv, targets_t)
}

/// [`cross_entropy`] in plain tensor operations. It reads nothing back from the device, so a target
/// out of range is the device's to refuse.
#[must_use]
pub fn cross_entropy_reference(logits_tv: Tensor<2>, targets_t: Tensor<1, Int>) -> Tensor<1> {
    let [tokens] = targets_t.dims();
    log_softmax(logits_tv, 1)
        .gather(1, targets_t.reshape([tokens, 1]))
        .mean()
        .neg()
}
