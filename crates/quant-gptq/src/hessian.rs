//! What a map reads, as the curvature of its error.

use burn::tensor::{Device, FloatDType, Tensor};

/// `H = 2/n sum x x^T` over the n rows that a map reads.
///
/// A change d of the map's weights `[K, N]` moves its outputs by a square error of `tr(d^T H d) / 2` a row.
#[derive(Debug, Clone)]
pub struct Hessian {
    /// `sum x x^T`, `[K, K]`.
    sum_kk: Tensor<2>,
    rows: usize,
}

impl Hessian {
    /// That of a map of K inputs which has read nothing.
    #[must_use]
    pub fn new(inputs: usize, device: &Device) -> Self {
        Self {
            sum_kk: Tensor::zeros([inputs, inputs], device),
            rows: 0,
        }
    }

    /// K.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.sum_kk.dims()[0]
    }

    /// n.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Adds rows `[n, K]`.
    pub fn add(&mut self, x_nk: Tensor<2>) {
        self.rows += x_nk.dims()[0];
        let x_nk = x_nk.cast(FloatDType::F32);
        self.sum_kk = self.sum_kk.clone() + x_nk.clone().transpose().matmul(x_nk);
    }

    /// H `[K, K]`, row by row.
    pub(crate) fn normalised(&self) -> Vec<f32> {
        numbers(self.sum_kk.clone() * (2.0 / self.rows.max(1) as f64))
    }

    /// `tr(d^T H d)` of d `[K, N]`.
    ///
    /// # Panics
    ///
    /// When d is of another number of inputs.
    #[must_use]
    pub fn energy(&self, d_kn: Tensor<2>) -> f64 {
        let moved = self.sum_kk.clone().matmul(d_kn.clone()) * d_kn;
        let sum: f64 = numbers(moved).into_iter().map(f64::from).sum();
        2.0 * sum / self.rows.max(1) as f64
    }
}

/// Row by row.
fn numbers(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("numbers in f32")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_square_error_by_hand() {
        let device = Device::flex();
        let rows = Tensor::from_floats([[1.0, 2.0], [3.0, -1.0]], &device);
        let mut hessian = Hessian::new(2, &device);
        hessian.add(rows.clone());
        // 2/2 ([1, 2]^T [1, 2] + [3, -1]^T [3, -1]).
        assert_eq!(hessian.normalised(), [10.0, -1.0, -1.0, 5.0]);
        // d = [0.5, 1]^T moves the two outputs by 2.5 and 0.5: 6.25 + 0.25.
        let d = Tensor::from_floats([[0.5], [1.0]], &device);
        assert!((hessian.energy(d) - 6.5).abs() < 1e-6);
        // Halves of the rows one after another are the same.
        let mut both = Hessian::new(2, &device);
        both.add(rows.clone().narrow(0, 0, 1));
        both.add(rows.narrow(0, 1, 1));
        assert_eq!((both.normalised(), both.rows()), (hessian.normalised(), 2));
    }
}
