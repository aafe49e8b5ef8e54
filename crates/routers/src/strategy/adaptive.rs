//! A number that moves between steps and is saved with the model.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};

/// A number `[1]` that is moved after steps of training, never by gradient, and saved with the
/// model.
#[derive(Module, Debug)]
pub(super) struct Adaptive {
    value: Param<Tensor<1>>,
}

impl Adaptive {
    pub(super) fn new(value: f64, device: &Device) -> Self {
        Self {
            value: Param::from_tensor(Tensor::full([1], value, device)).set_require_grad(false),
        }
    }

    /// The number, off the graph.
    pub(super) fn value(&self) -> Tensor<1> {
        self.value.val().detach()
    }

    /// The number after `rule`, which gets it on a device without autodiff.
    pub(super) fn moved(self, rule: impl FnOnce(Tensor<1>) -> Tensor<1>) -> Self {
        let value = self
            .value
            .map(|value| {
                let device = value.device();
                rule(value.without_autodiff()).to_device(&device)
            })
            .set_require_grad(false);
        Self { value }
    }
}
