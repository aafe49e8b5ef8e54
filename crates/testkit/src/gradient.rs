//! Gradients by automatic differentiation against central differences.

use burn::prelude::*;

use crate::{Tolerance, assert_close};

/// The gradient of `f` at `x` by central differences, `(f(x + step) - f(x - step)) / (2 step)` one
/// element at a time.
///
/// `f` runs on plain tensors twice per element: keep `x` small. With f32 inside, a step near 1e-2
/// balances rounding against curvature (see [`FINITE_DIFFERENCE`](crate::FINITE_DIFFERENCE)).
pub fn finite_difference<const D: usize>(
    f: impl Fn(Tensor<D>) -> f64,
    x: Tensor<D>,
    step: f64,
) -> Tensor<D> {
    let x = x.without_autodiff();
    let (device, shape) = (x.device(), x.dims());
    let values: Vec<f32> = x.into_data().iter::<f32>().collect();
    let at = |place: usize, value: f32| {
        let mut moved = values.clone();
        moved[place] = value;
        f(Tensor::from_data(TensorData::new(moved, shape), &device))
    };
    let gradient: Vec<f32> = values
        .iter()
        .enumerate()
        .map(|(place, &value)| {
            let (above, below) = (value + step as f32, value - step as f32);
            // The step that was taken, after rounding, not the one asked for.
            let taken = f64::from(above) - f64::from(below);
            ((at(place, above) - at(place, below)) / taken) as f32
        })
        .collect();
    Tensor::from_data(TensorData::new(gradient, shape), &device)
}

/// Fails unless the automatic gradient of the scalar `f` at `x` agrees with central differences;
/// returns the automatic one. A constant `f` has a gradient of zeros.
///
/// # Panics
///
/// As [`assert_close`], and when `f` gives more than one number.
#[track_caller]
pub fn gradient_check<const D: usize>(
    f: impl Fn(Tensor<D>) -> Tensor<1>,
    x: Tensor<D>,
    step: f64,
    tolerance: Tolerance,
) -> Tensor<D> {
    let plain = x.without_autodiff();
    let tracked = plain.clone().autodiff().require_grad();
    let value = f(tracked.clone());
    assert_eq!(value.dims(), [1], "the function must give one number");
    let automatic = if value.is_tracked() {
        tracked.grad(&value.backward())
    } else {
        None
    };
    let automatic = automatic.unwrap_or_else(|| plain.zeros_like());
    let numeric = finite_difference(|x| f64::from(f(x).into_scalar::<f32>()), plain, step);
    assert_close(automatic.clone(), numeric, tolerance);
    automatic
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{F32_SUM, FINITE_DIFFERENCE, normal};

    #[test]
    fn the_cube_has_the_slope_of_its_square() {
        // d/dx x^3 = 3 x^2, and central differences add step^2 exactly: 3 x^2 + 1e-4.
        let device = Device::flex();
        let x = Tensor::<1>::from_data([0.5f32, -1.0, 2.0], &device);
        let cube = |x: Tensor<1>| (x.clone() * x.clone() * x).sum();
        let automatic = gradient_check(cube, x, 1e-2, FINITE_DIFFERENCE);
        assert_close(
            automatic,
            Tensor::from_data([0.75f32, 3.0, 12.0], &device),
            F32_SUM,
        );
    }

    #[test]
    fn a_constant_has_no_gradient() {
        let device = Device::flex();
        let x = normal([2, 3], 5, &device);
        let automatic = gradient_check(
            |x: Tensor<2>| Tensor::<1>::zeros([1], &x.device()),
            x,
            1e-2,
            FINITE_DIFFERENCE,
        );
        assert_close(automatic, Tensor::zeros([2, 3], &device), F32_SUM);
    }

    #[test]
    #[should_panic(expected = "the worst at")]
    fn a_detached_branch_is_caught() {
        // The value moves with x in both factors, the gradient flows through one alone.
        let x = normal([3], 6, &Device::flex());
        gradient_check(
            |x: Tensor<1>| (x.clone().detach() * x).sum(),
            x,
            1e-2,
            FINITE_DIFFERENCE,
        );
    }
}
