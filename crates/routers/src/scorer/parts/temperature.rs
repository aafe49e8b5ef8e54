//! What logits are divided by.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};

/// A temperature `T`: fixed, or learned as its logarithm so that it stays above zero.
///
/// Where a fixed one is moved to reach a chosen size of logits, the move is saved with the model and
/// not learned.
#[derive(Module, Debug)]
pub(crate) struct Temperature {
    /// `ln T` where it is not what the configuration says.
    log: Option<Param<Tensor<1>>>,
    first: f64,
    learned: bool,
}

impl Temperature {
    /// A constant.
    pub(crate) const fn fixed(temperature: f64) -> Self {
        Self {
            log: None,
            first: temperature,
            learned: false,
        }
    }

    /// A constant, or learned from here on.
    pub(crate) fn new(temperature: f64, learned: bool, device: &Device) -> Self {
        let log = || Param::from_tensor(Tensor::full([1], temperature.ln(), device));
        Self {
            log: learned.then(log),
            first: temperature,
            learned,
        }
    }

    /// `x / T`.
    pub(crate) fn divide(&self, x_te: Tensor<2>) -> Tensor<2> {
        match &self.log {
            Some(log) => x_te * log.val().neg().exp().unsqueeze_dim::<2>(0),
            None if self.first.to_bits() == 1f64.to_bits() => x_te,
            None => x_te / self.first,
        }
    }

    /// The same, with quotients `factor` times as large.
    pub(crate) fn scaled(self, factor: f64, device: &Device) -> Self {
        let log = match &self.log {
            Some(log) => log.val() - factor.ln(),
            None => Tensor::full([1], self.first.ln() - factor.ln(), device),
        };
        let log = Param::from_tensor(log.detach()).set_require_grad(self.learned);
        Self {
            log: Some(log),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use testkit::{F32_EXACT_ORDER, assert_close};

    use super::*;

    #[test]
    fn quotients_grow_by_the_factor_and_what_is_fixed_stays_so() {
        for device in [Device::flex(), Device::flex().autodiff()] {
            let x = Tensor::<2>::from_data([[1.0f32, -3.0]], &device);
            let half = Tensor::from_data([[2.0f32, -6.0]], &Device::flex());
            for temperature in [
                Temperature::fixed(0.5),
                Temperature::new(0.5, true, &device),
                Temperature::fixed(1.0).scaled(2.0, &device),
                Temperature::fixed(2.0)
                    .scaled(2.0, &device)
                    .scaled(2.0, &device),
                Temperature::new(2.0, true, &device).scaled(4.0, &device),
            ] {
                let quotient = temperature.divide(x.clone()).without_autodiff();
                assert_close(quotient, half.clone(), F32_EXACT_ORDER);
            }
            let learns = |temperature: Temperature| {
                let log = temperature.log.expect("a number that is saved");
                log.is_require_grad()
            };
            assert!(!learns(Temperature::fixed(1.0).scaled(2.0, &device)));
            let learned = Temperature::new(1.0, true, &device).scaled(2.0, &device);
            assert_eq!(learns(learned), device.is_autodiff());
        }
    }
}
