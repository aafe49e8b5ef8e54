//! The load of the last step, for balancers that count over a whole step.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};

use crate::StepLoad;

/// The load of the last step, over all its micro-batches; saved with the model.
#[derive(Module, Debug)]
pub struct StepMemory {
    load_e: Param<Tensor<1>>,
    tokens: Param<Tensor<1>>,
}

impl StepMemory {
    pub(crate) fn new(experts: usize, device: &Device) -> Self {
        let nothing = |n: usize| Param::from_tensor(Tensor::zeros([n], device));
        Self {
            load_e: nothing(experts).set_require_grad(false),
            tokens: nothing(1).set_require_grad(false),
        }
    }

    /// The load `[E]` that stands for the micro-batches of a step other than one of `tokens` tokens:
    /// the last step's, less the share of one micro-batch. Zero where a step has one, and before
    /// the first step has ended.
    pub(crate) fn others(&self, tokens: usize) -> Tensor<1> {
        let tokens = tokens as f64;
        let share: Tensor<1> = self.tokens.val().clamp_min(tokens).recip() * -tokens + 1.0;
        self.load_e.val().detach() * share.detach()
    }

    /// Remembers what a step did.
    #[must_use]
    pub(crate) fn adapt(self, step: &StepLoad) -> Self {
        let anew = |param: Param<Tensor<1>>, value: Tensor<1>| {
            param
                .map(|old| value.without_autodiff().to_device(&old.device()))
                .set_require_grad(false)
        };
        let tokens = Tensor::full([1], step.tokens as f64, &step.load_e.device());
        Self {
            load_e: anew(self.load_e, step.load_e.clone()),
            tokens: anew(self.tokens, tokens),
        }
    }
}
