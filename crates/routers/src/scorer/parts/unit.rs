//! Directions.

use burn::tensor::Tensor;

/// Keeps a row of zeros, and its gradient, finite; nothing beside any other row.
const EPSILON: f32 = 1e-12;

/// Operations of [`unit_rows`] on each value: square, sum, divide.
pub(crate) const UNIT_FLOPS: usize = 3;

/// Rows scaled to length 1.
pub(crate) fn unit_rows(x_md: Tensor<2>) -> Tensor<2> {
    let length_m1 = (x_md.clone().square().sum_dim(1) + EPSILON).sqrt();
    x_md / length_m1
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use testkit::{F32_EXACT_ORDER, assert_close};

    use super::*;

    #[test]
    fn three_and_four_make_five() {
        let device = Device::flex();
        let rows = Tensor::<2>::from_data([[3.0f32, 4.0], [0.0, -2.0], [0.0, 0.0]], &device);
        let expected = Tensor::from_data([[0.6f32, 0.8], [0.0, -1.0], [0.0, 0.0]], &device);
        assert_close(unit_rows(rows), expected, F32_EXACT_ORDER);
    }
}
