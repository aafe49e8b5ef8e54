//! Comparing tensors, with the place and size of the worst difference.

use burn::prelude::*;

/// How far apart two numbers may be: `|actual - expected| <= absolute + relative * |expected|`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// What is allowed near zero.
    pub absolute: f64,
    /// What is allowed per unit of the expected size.
    pub relative: f64,
}

impl Tolerance {
    /// A tolerance for one case; prefer a named one.
    pub const fn new(absolute: f64, relative: f64) -> Self {
        Self { absolute, relative }
    }

    fn allows(self, actual: f64, expected: f64) -> bool {
        self.excess(actual, expected) <= 1.0
    }

    /// How many times the allowed difference this one is; above 1 fails, NaN counts as infinite.
    fn excess(self, actual: f64, expected: f64) -> f64 {
        // Equal infinities have a difference that is not a number.
        if actual.is_infinite() && actual.to_bits() == expected.to_bits() {
            return 0.0;
        }
        let allowed = self.absolute + self.relative * expected.abs();
        let excess = (actual - expected).abs() / allowed.max(f64::MIN_POSITIVE);
        if excess.is_nan() || expected.is_infinite() {
            f64::INFINITY
        } else {
            excess
        }
    }
}

/// The same f32 operations in the same order: only what a compiler may contract (fused
/// multiply-add, one rounding less) may differ, a few units in the last place (2^-24 = 6e-8).
pub const F32_EXACT_ORDER: Tolerance = Tolerance::new(1e-7, 5e-7);

/// f32 sums of up to some thousand terms of size one, added in another order (blocked matrix
/// products, parallel reductions): the rounding errors of n terms walk, about sqrt(n) * 6e-8.
pub const F32_SUM: Tolerance = Tolerance::new(1e-5, 1e-5);

/// f32 matrix products on tensor cores, which round their inputs to 10 bits (2^-11 = 5e-4).
pub const TF32: Tolerance = Tolerance::new(2e-3, 2e-3);

/// bf16 keeps 8 bits (2^-9 = 2e-3 of rounding a number), and a result meets a few roundings.
pub const BF16: Tolerance = Tolerance::new(1e-2, 1.6e-2);

/// Central differences in f32 with a step of 1e-2 on functions of size one: the difference of two
/// values rounded at 6e-8 over 2e-2 gives 1e-5, and the third derivative adds step^2 / 6 = 2e-5
/// times its size, of which some tens are allowed.
pub const FINITE_DIFFERENCE: Tolerance = Tolerance::new(1e-3, 1e-2);

/// The worst place of a comparison.
#[derive(Debug, Clone, PartialEq)]
struct Worst {
    place: usize,
    actual: f64,
    expected: f64,
    excess: f64,
}

/// Fails unless `actual` is within `tolerance` of `expected` everywhere.
///
/// # Panics
///
/// On different shapes, or a difference too large or not a number; the message has the index, both
/// values and how many values are off.
#[track_caller]
pub fn assert_close<const D: usize>(actual: Tensor<D>, expected: Tensor<D>, tolerance: Tolerance) {
    let (shape, expected_shape) = (actual.dims(), expected.dims());
    assert_eq!(
        shape, expected_shape,
        "shapes differ: actual {shape:?}, expected {expected_shape:?}"
    );
    if let Some(message) = difference(&host(actual), &host(expected), &shape, tolerance) {
        panic!("{message}");
    }
}

/// Fails unless both tensors hold the same bits (NaN equals the same NaN).
///
/// # Panics
///
/// On the first value whose bits differ.
#[track_caller]
pub fn assert_same<const D: usize>(actual: Tensor<D>, expected: Tensor<D>) {
    let (actual, expected) = (actual.into_data(), expected.into_data());
    assert_eq!(actual.shape(), expected.shape(), "shapes differ");
    assert_eq!(actual.dtype(), expected.dtype(), "types differ");
    assert!(
        actual.as_bytes() == expected.as_bytes(),
        "bits differ:\n{actual}\n{expected}"
    );
}

/// What is wrong with `actual`, row-major values of `shape`, or `None`.
pub fn difference(
    actual: &[f64],
    expected: &[f64],
    shape: &[usize],
    tolerance: Tolerance,
) -> Option<String> {
    let worst = actual
        .iter()
        .zip(expected)
        .enumerate()
        .map(|(place, (&actual, &expected))| Worst {
            place,
            actual,
            expected,
            excess: tolerance.excess(actual, expected),
        })
        .max_by(|a, b| a.excess.total_cmp(&b.excess))?;
    let off = actual
        .iter()
        .zip(expected)
        .filter(|&(&a, &e)| !tolerance.allows(a, e))
        .count();
    (off > 0).then(|| {
        format!(
            "{off} of {} values are off; the worst at {:?}: actual {:e}, expected {:e}, difference {:e}, {:.1} times \
             what {tolerance:?} allows",
            actual.len(),
            unravel(worst.place, shape),
            worst.actual,
            worst.expected,
            (worst.actual - worst.expected).abs(),
            worst.excess,
        )
    })
}

fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

fn unravel(mut place: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (axis, &size) in shape.iter().enumerate().rev() {
        index[axis] = place % size;
        place /= size;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOSE: Tolerance = Tolerance::new(0.1, 0.0);

    #[test]
    fn the_worst_difference_is_named_by_its_index() {
        // Row-major 2 x 3: place 4 is row 1, column 1; 2 values are off by more than 0.1.
        let message = difference(&[0.0, 0.5, 0.0, 0.05, 2.0, 0.0], &[0.0; 6], &[2, 3], LOOSE)
            .expect("two values are off");
        assert!(
            message.starts_with("2 of 6 values are off; the worst at [1, 1]: actual 2e0"),
            "{message}"
        );
        assert!(message.contains("20.0 times"), "{message}");
    }

    #[test]
    fn not_a_number_is_never_close_and_equal_infinities_are() {
        assert!(difference(&[f64::NAN], &[0.0], &[1], LOOSE).is_some());
        assert!(difference(&[f64::NAN], &[f64::NAN], &[1], LOOSE).is_some());
        assert!(difference(&[f64::INFINITY], &[f64::INFINITY], &[1], LOOSE).is_none());
        assert!(difference(&[f64::INFINITY], &[1.0], &[1], LOOSE).is_some());
        let relative = Tolerance::new(0.0, 0.1);
        assert!(difference(&[1.0], &[f64::INFINITY], &[1], relative).is_some());
    }

    #[test]
    fn relative_tolerance_grows_with_the_expected_value() {
        let tolerance = Tolerance::new(0.0, 0.01);
        assert!(difference(&[100.9], &[100.0], &[1], tolerance).is_none());
        assert!(difference(&[101.1], &[100.0], &[1], tolerance).is_some());
        assert!(difference(&[1e-9], &[0.0], &[1], tolerance).is_some());
    }

    #[test]
    #[should_panic(expected = "the worst at [0, 1]")]
    fn tensors_that_differ_fail() {
        let device = Device::flex();
        assert_close(
            Tensor::<2>::from_data([[1.0, 2.0]], &device),
            Tensor::<2>::from_data([[1.0, 2.1]], &device),
            F32_SUM,
        );
    }

    #[test]
    #[should_panic(expected = "bits differ")]
    fn the_last_bit_counts_for_sameness() {
        let device = Device::flex();
        let one = Tensor::<1>::from_data([1.0f32], &device);
        assert_same(one.clone(), one.clone());
        assert_same(
            one,
            Tensor::<1>::from_data([1.0f32 + f32::EPSILON], &device),
        );
    }
}
