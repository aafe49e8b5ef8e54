//! The update of a parameter by AdamW.

use burn::tensor::Tensor;

/// The numbers of one update; the corrections of both moments are folded into `rate` and `epsilon`, which spares two
/// passes over memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWStep {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// The learning rate, times `sqrt(1 - beta2^t) / (1 - beta1^t)`.
    pub rate: f64,
    /// The guard against division by zero, times `sqrt(1 - beta2^t)`.
    pub epsilon: f64,
    /// The learning rate times the weight decay.
    pub decay: f64,
}

/// A parameter with its moments.
#[derive(Debug, Clone)]
pub struct AdamWState<const D: usize> {
    /// The parameter.
    pub value: Tensor<D>,
    /// Its mean of gradients.
    pub first: Tensor<D>,
    /// Its mean of squared gradients.
    pub second: Tensor<D>,
}

/// A parameter and its moments after an update by `factor * gradient`.
///
/// # Equation
///
/// With g the gradient times its factor, element by element:
///
/// ```text
/// m <- beta1 m + (1 - beta1) g          v <- beta2 v + (1 - beta2) g^2
/// p <- p (1 - decay) - (m / (sqrt(v) + epsilon)) rate
/// ```
///
/// The fast path goes once over memory, in the place of what nobody else holds, and gives the bits of the reference.
///
/// # Shapes
///
/// All `[..]` alike and without autodiff; `factor` is `[1]`.
#[must_use]
pub fn adamw<const D: usize>(
    state: AdamWState<D>,
    gradient: Tensor<D>,
    factor: Tensor<1>,
    step: AdamWStep,
) -> AdamWState<D> {
    if crate::is_host(&gradient.device()) {
        return crate::extension::adamw(state, gradient, factor, step);
    }
    adamw_reference(state, gradient, factor, step)
}

/// [`adamw`] in plain tensor operations.
#[must_use]
pub fn adamw_reference<const D: usize>(
    state: AdamWState<D>,
    gradient: Tensor<D>,
    factor: Tensor<1>,
    step: AdamWStep,
) -> AdamWState<D> {
    let gradient = gradient * factor.unsqueeze::<D>();
    let first_part = gradient.clone().mul_scalar(1.0 - step.beta1);
    let second_part = gradient.square().mul_scalar(1.0 - step.beta2);
    let first = state.first.mul_scalar(step.beta1) + first_part;
    let second = state.second.mul_scalar(step.beta2) + second_part;
    let root = second.clone().sqrt().add_scalar(step.epsilon);
    let decayed = state.value.mul_scalar(1.0 - step.decay);
    let value = decayed - (first.clone() / root).mul_scalar(step.rate);
    AdamWState {
        value,
        first,
        second,
    }
}
