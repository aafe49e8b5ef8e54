//! The contrastive loss InfoNCE.

use burn::tensor::{Tensor, activation::log_softmax};

use super::parts::unit_rows;

/// `mean_i -ln(exp(s_ii / T) / sum_j exp(s_ij / T))` with the cosines `s_ij = cos(a_i, b_j)`: which
/// of the rows of `b` is the other view of `a_i`?
///
/// # Shapes
///
/// `a_nf` and `b_nf` `[N, F]` to `[1]`.
///
/// # Gradients
///
/// Into both.
pub(super) fn info_nce(a_nf: Tensor<2>, b_nf: Tensor<2>, temperature: f64) -> Tensor<1> {
    let [n, _] = a_nf.dims();
    let cosines_nn = unit_rows(a_nf).matmul(unit_rows(b_nf).transpose());
    let same_nn = Tensor::eye(n, &cosines_nn.device());
    let log_nn = log_softmax(cosines_nn / temperature, 1);
    (log_nn * same_nn).sum().neg() / n as f64
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use testkit::{F32_SUM, FINITE_DIFFERENCE, assert_close, gradient_check, normal};

    use super::*;

    fn loss(a: [[f32; 2]; 2], b: [[f32; 2]; 2], temperature: f64) -> Tensor<1> {
        let device = Device::flex();
        let [a, b] = [a, b].map(|rows| Tensor::from_data(rows, &device));
        info_nce(a, b, temperature)
    }

    fn one(value: f32) -> Tensor<1> {
        Tensor::from_data([value], &Device::flex())
    }

    #[test]
    fn values_by_hand() {
        // Own cosines 1, others 0, T = 1/2: ln(exp(2) + 1) - 2 for both rows.
        let axes = [[3.0, 0.0], [0.0, 0.5]];
        let own = (2f32.exp() + 1.0).ln() - 2.0;
        assert_close(loss(axes, axes, 0.5), one(own), F32_SUM);
        // The other way round: ln(exp(2) + 1).
        let swapped = [axes[1], axes[0]];
        assert_close(loss(axes, swapped, 0.5), one(own + 2.0), F32_SUM);
        // All alike: a guess among two.
        let same = [[1.0, 1.0]; 2];
        assert_close(loss(same, same, 0.1), one(2f32.ln()), F32_SUM);
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let device = Device::flex();
        let other = normal([3, 2], 2, &device);
        let loss = |a: Tensor<2>| info_nce(a, other.clone(), 0.5);
        gradient_check(loss, normal([3, 2], 1, &device), 1e-2, FINITE_DIFFERENCE);
    }
}
