//! How far a model's predictions are from another's.

use burn::tensor::{Tensor, activation::log_softmax};

/// `KL(p || q) = sum_v p_v (ln p_v - ln q_v)` of each of T predictions, in nats: what is lost by q, of
/// `other_tv`, where the text follows p, of `logits_tv` `[T, V]`.
#[must_use]
pub fn kl_divergence(logits_tv: Tensor<2>, other_tv: Tensor<2>) -> Tensor<1> {
    let (p_tv, q_tv) = (log_softmax(logits_tv, 1), log_softmax(other_tv, 1));
    (p_tv.clone().exp() * (p_tv - q_tv))
        .sum_dim(1)
        .squeeze_dim(1)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn the_divergence_by_hand() {
        let device = Device::flex();
        // p = (1/2, 1/2), q = (3/4, 1/4): ln(2/3)/2 + ln(2)/2. The same predictions twice are 0 apart.
        let p = Tensor::from_floats([[0.0, 0.0], [5.0, 2.0]], &device);
        let q = Tensor::from_floats([[3f32.ln(), 0.0], [6.0, 3.0]], &device);
        let found: Vec<f32> = kl_divergence(p, q).into_data().iter().collect();
        let expected = 0.5 * (2f32 / 3.0).ln() + 0.5 * 2f32.ln();
        assert!(
            (found[0] - expected).abs() < 1e-6 && found[1].abs() < 1e-6,
            "{found:?}"
        );
    }
}
