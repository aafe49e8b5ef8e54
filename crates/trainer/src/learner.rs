//! What the loop asks of a model.

use burn::optim::GradientsParams;
use burn::prelude::*;

/// A model that the loop can train.
pub trait Learner: Module {
    /// What one forward pass reads.
    type Batch;

    /// What a forward pass tells about itself beside its losses: device tensors that the loop adds
    /// up and hands to the reporter without looking inside.
    type Observation: Observation;

    /// The losses of one batch.
    ///
    /// Randomness must come from `pass.seed` or from the device's generator, which the loop seeds
    /// with it before each call. In evaluation the module is `valid()` and its tensors are plain:
    /// build what the forward pass needs on the device of the parameters.
    fn losses(&self, batch: &Self::Batch, pass: &Pass) -> Losses<Self::Observation>;

    /// The losses of one batch in a pass of training, and the gradients of what is minimised.
    ///
    /// A model may compute parts of the pass again for its gradients; losses and gradients are those of
    /// [`losses`](Self::losses).
    fn gradients(
        &self,
        batch: &Self::Batch,
        pass: &Pass,
        minimised: &Minimised,
    ) -> (Losses<Self::Observation>, GradientsParams) {
        minimised.gradients(self, || self.losses(batch, pass))
    }

    /// The model after an update, told what the update's passes observed: for what is not learned
    /// by gradient, such as a bias that follows the load.
    #[must_use]
    fn adapt(self, observations: &[Self::Observation]) -> Self {
        let _ = observations;
        self
    }

    /// How many tokens this batch has.
    fn tokens(batch: &Self::Batch) -> usize;

    /// Over how many of its tokens the losses of this batch are means, above 0: all of them, where none
    /// is masked. An update minimises the mean over the counted tokens of all its batches, and an
    /// evaluation gives it.
    fn counted(batch: &Self::Batch) -> usize {
        Self::tokens(batch)
    }

    /// The router that the parameter at this path belongs to, as the beginning of the path.
    fn router_of(path: &str) -> Option<&str>;

    /// Whether the parameter at this path belongs to a router.
    fn is_router(path: &str) -> bool {
        Self::router_of(path).is_some()
    }
}

/// The circumstances of one forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// False in evaluation.
    pub training: bool,
    /// Updates finished before this pass.
    pub step: u64,
    /// Seed of everything random in this pass.
    pub seed: u64,
}

/// What of the losses of a batch is minimised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Minimised {
    /// What the losses are multiplied by.
    pub share: f64,
    /// Whether the auxiliary losses are added to that of the language model.
    pub auxiliary: bool,
}

impl Minimised {
    /// The gradients of a model by the graph of its losses, and the losses.
    pub fn gradients<M: Module, O>(
        &self,
        model: &M,
        losses: impl FnOnce() -> Losses<O>,
    ) -> (Losses<O>, GradientsParams) {
        let losses = kernels::part!("forward", losses());
        let minimised = if self.auxiliary {
            losses.total()
        } else {
            losses.lm.clone()
        };
        let minimised = minimised.mul_scalar(self.share);
        let gradients = kernels::part!("backward", minimised.backward());
        (losses, GradientsParams::from_grads(gradients, model))
    }
}

/// The losses of one batch, each a single f32 number on the device.
#[derive(Debug, Clone)]
pub struct Losses<O> {
    /// Mean negative log-likelihood per counted token, in nats.
    pub lm: Tensor<1>,
    /// Auxiliary losses by name, already weighted; the same names in every pass.
    pub aux: Vec<(&'static str, Tensor<1>)>,
    /// Further means over the predicted tokens by name, which an evaluation reports and nothing
    /// minimises; the same names in every batch of an evaluation.
    pub measures: Vec<(&'static str, Tensor<1>)>,
    /// What else happened.
    pub observation: O,
}

impl<O> Losses<O> {
    /// What is minimised: all losses together.
    pub fn total(&self) -> Tensor<1> {
        self.aux
            .iter()
            .fold(self.lm.clone(), |sum, (_, loss)| sum + loss.clone())
    }
}

/// Something about forward passes that can be added up, saved and read back.
///
/// Its tensors must be free of autodiff (`without_autodiff()`), else every graph stays in memory.
pub trait Observation: Sized {
    /// Both together. Called outside the timed part of a step.
    #[must_use]
    fn add(self, other: Self) -> Self;

    /// The tensors, for a checkpoint in the middle of a logging interval.
    fn into_host(self) -> Vec<TensorData>;

    /// The inverse of [`Self::into_host`], on a device without autodiff.
    fn from_host(tensors: Vec<TensorData>, device: &Device) -> Self;
}

/// Nothing is observed.
impl Observation for () {
    fn add(self, (): Self) -> Self {}

    fn into_host(self) -> Vec<TensorData> {
        Vec::new()
    }

    fn from_host(_: Vec<TensorData>, _: &Device) -> Self {}
}
