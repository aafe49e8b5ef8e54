//! One update of the parameters: what a training second is made of.

use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::prelude::*;

use crate::gradients::{clipping_factor, gradient_norm, gradient_norms, plain_device};
use crate::seed::pass_seed;
use crate::{AdamW, Learner, Losses, Minimised, Pass, TrainConfig, learning_rate};

/// The circumstances of an update.
#[derive(Debug, Clone, Copy)]
pub struct Update<'a> {
    /// Clipping and the learning rate's schedule.
    pub config: &'a TrainConfig,
    /// Decides all randomness of the forward passes.
    pub seed: u64,
    /// Updates finished before this one.
    pub step: u64,
}

/// What an update leaves, all of it still on the device.
pub struct Updated<L: Learner> {
    /// The model with its new parameters.
    pub model: L,
    /// Mean language-model loss over the counted tokens of the batches, from before the update.
    pub lm: Tensor<1>,
    /// Auxiliary losses, each batch weighted as its counted tokens are.
    pub aux: Vec<(&'static str, Tensor<1>)>,
    /// Global gradient norm from before clipping.
    pub gradient_norm: Tensor<1>,
    /// The part of it that belongs to routers.
    pub router_gradient_norm: Tensor<1>,
    /// What each forward pass told about itself.
    pub observations: Vec<L::Observation>,
}

impl Update<'_> {
    /// Forward and backward over `batches`, clipping, and one step of the optimiser. Nothing is
    /// read from the device and nothing waited for.
    pub fn run<L: Learner>(
        &self,
        model: L,
        batches: &[L::Batch],
        optimiser: &mut AdamW,
    ) -> Updated<L> {
        let passed = self.pass(&model, batches);
        let (router_gradient_norm, (factor, gradient_norm)) = kernels::part!("norms", {
            let gradients = &passed.gradients;
            (
                gradient_norm(&model, gradients, L::is_router),
                clipping_factor(&model, gradients, self.config.clip),
            )
        });
        let rate = learning_rate(self.step as usize, self.config);
        let stepped = kernels::part!(
            "update",
            optimiser.step_by(rate, model, passed.gradients, &factor)
        );
        Updated {
            model: stepped.adapt(&passed.observations),
            lm: passed.lm,
            aux: passed.aux,
            gradient_norm,
            router_gradient_norm,
            observations: passed.observations,
        }
    }

    /// The routers' gradient norm under the language-model loss alone: of all together, then of each
    /// router that has parameters.
    pub(crate) fn probe<L: Learner>(&self, model: &L, batches: &[L::Batch]) -> Tensor<1> {
        let mut gradients = GradientsAccumulator::new();
        for (micro, (batch, share)) in batches.iter().zip(shares::<L>(batches)).enumerate() {
            let minimised = Minimised {
                share,
                auxiliary: false,
            };
            let (_, own) = self.gradients(model, (micro, batch), &minimised);
            gradients.accumulate(model, own);
        }
        let gradients = gradients.grads();
        let mut norms = vec![gradient_norm(model, &gradients, L::is_router)];
        let router = |path: &str| L::router_of(path).map(str::to_owned);
        norms.extend(gradient_norms(model, &gradients, router));
        Tensor::cat(norms, 0)
    }

    /// The losses and gradients of one batch, the one of this number; the same each time it is called.
    fn gradients<L: Learner>(
        &self,
        model: &L,
        (micro, batch): (usize, &L::Batch),
        minimised: &Minimised,
    ) -> (Losses<L::Observation>, GradientsParams) {
        let seed = pass_seed(self.seed, self.step, micro as u64);
        plain_device(model).seed(seed);
        let pass = Pass {
            training: true,
            step: self.step,
            seed,
        };
        model.gradients(batch, &pass, minimised)
    }

    /// The gradient of the mean over all counted tokens of the batches, and the mean losses.
    fn pass<L: Learner>(&self, model: &L, batches: &[L::Batch]) -> Passed<L::Observation> {
        let mut gradients = GradientsAccumulator::new();
        let mut observations = Vec::with_capacity(batches.len());
        let mut sums: Option<(Tensor<1>, Vec<(&'static str, Tensor<1>)>)> = None;
        for (micro, (batch, share)) in batches.iter().zip(shares::<L>(batches)).enumerate() {
            let minimised = Minimised {
                share,
                auxiliary: true,
            };
            let (losses, own) = self.gradients(model, (micro, batch), &minimised);
            gradients.accumulate(model, own);
            let lm = losses.lm.without_autodiff().mul_scalar(share);
            let aux = losses
                .aux
                .into_iter()
                .map(|(name, loss)| (name, loss.without_autodiff().mul_scalar(share)));
            sums = Some(match sums {
                None => (lm, aux.collect()),
                Some((sum, sums)) => {
                    let added = sums
                        .into_iter()
                        .zip(aux)
                        .map(|((name, sum), (_, loss))| (name, sum + loss));
                    (sum + lm, added.collect())
                }
            });
            observations.push(losses.observation);
        }
        let (lm, aux) = sums.expect("an update has a batch");
        Passed {
            gradients: gradients.grads(),
            lm,
            aux,
            observations,
        }
    }
}

/// The share of the counted tokens that each batch has.
fn shares<L: Learner>(batches: &[L::Batch]) -> impl Iterator<Item = f64> {
    let counted: Vec<f64> = batches
        .iter()
        .map(|batch| L::counted(batch) as f64)
        .collect();
    let all: f64 = counted.iter().sum();
    counted
        .into_iter()
        .map(move |counted| counted / all.max(1.0))
}

/// What the forward and backward passes of one update leave.
struct Passed<O> {
    gradients: GradientsParams,
    lm: Tensor<1>,
    aux: Vec<(&'static str, Tensor<1>)>,
    observations: Vec<O>,
}
