//! One layer, its inputs, and the phases of a step.

use burn::{
    optim::GradientsParams,
    tensor::{Device, Gradients, Int, Tensor, TensorData},
};
use moe_layer::{BatchRows, Capacity, LayerDims, MoeContext, MoeLayer, MoeOutput, auxiliary_sums};
use trainer::{AdamW, TrainConfig};

use super::settings::LayerSettings;
use crate::jobs::{
    clock::timed_on,
    context::JobError,
    random::{named_seed, normal},
    timed::Timed,
};

/// Token ids are drawn below this; only strategies that route by token look at them.
const VOCAB: usize = 256;

/// So small that f32 parameters stay what they are: every repetition routes alike, and the update
/// does all its work.
const RATE: f64 = 1e-15;

/// Seconds of the phases of a step.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Phases {
    /// Scorer, strategy, capacity and the order of rows, apart from the step that contains them.
    pub(super) routing: f64,
    /// Hidden states to output.
    pub(super) forward: f64,
    /// The output's gradient to those of hidden states and parameters.
    pub(super) backward: f64,
    /// AdamW, where it was asked for.
    pub(super) update: Option<f64>,
}

impl Phases {
    /// Forward and backward.
    pub(super) fn step(&self) -> f64 {
        self.forward + self.backward
    }
}

/// Inputs of layers by T and D: layers of one seed share them.
#[derive(Default)]
pub(super) struct Inputs(Vec<Shared>);

#[derive(Clone)]
struct Shared {
    token_ids_t: Tensor<1, Int>,
    x_td: Tensor<2>,
    gradient_td: Tensor<2>,
}

impl Inputs {
    fn of(&mut self, tokens: usize, dim: usize, seed: u64, device: &Device) -> Shared {
        let same = |shared: &&Shared| shared.x_td.dims() == [tokens, dim];
        if let Some(shared) = self.0.iter().find(same) {
            return shared.clone();
        }
        let mut rng = corpora::stream(seed, "token-ids", 0);
        let ids: Vec<i32> = (0..tokens)
            .map(|_| corpora::below(&mut rng, VOCAB) as i32)
            .collect();
        let noise = |name: &str| {
            let mut rng = corpora::stream(seed, name, 0);
            let numbers: Vec<f32> = (0..tokens * dim).map(|_| normal(&mut rng) as f32).collect();
            Tensor::from_data(TensorData::new(numbers, [tokens, dim]), device)
        };
        let shared = Shared {
            token_ids_t: Tensor::from_data(TensorData::new(ids, [tokens]), device),
            x_td: noise("hidden-states"),
            gradient_td: noise("output-gradient"),
        };
        self.0.push(shared.clone());
        shared
    }
}

/// What the phases work on.
pub(super) struct Bench {
    device: Device,
    layer: MoeLayer,
    optimiser: Option<AdamW>,
    context: MoeContext,
    x_td: Tensor<2>,
    /// The gradient that the layer's output gets from what follows it.
    gradient_td: Tensor<2>,
}

impl Bench {
    /// A layer of these settings, and standard normal hidden states.
    pub(super) fn new(
        settings: &LayerSettings,
        seed: u64,
        device: &Device,
        inputs: &mut Inputs,
    ) -> Result<Self, JobError> {
        let tracked = device.clone().autodiff();
        let (tokens, dim) = (settings.layer.tokens.get(), settings.layer.dim.get());
        let sequences = settings.layer.sequences.get();
        let dims = LayerDims {
            seed,
            ..LayerDims::new(dim, VOCAB)
        };
        let layer = trainer::initialise(named_seed(seed, "init"), &tracked, |device| {
            MoeLayer::new(&settings.moe, &settings.router, &dims, device)
        })
        .map_err(|error| JobError::Unsupported(error.to_string()))?;
        let Shared {
            token_ids_t,
            x_td,
            gradient_td,
        } = inputs.of(tokens, dim, seed, &tracked);
        Ok(Self {
            context: MoeContext {
                token_ids_t,
                rows: BatchRows::equal(sequences, tokens / sequences),
                noise_seed: named_seed(seed, "noise"),
                training: true,
                capacity: Capacity::Training,
                precision: settings.layer.precision.on(device),
            },
            // As in a model, whose lower layers wait for the gradient of these hidden states.
            x_td: x_td.require_grad(),
            gradient_td,
            optimiser: settings
                .layer
                .update
                .then(|| AdamW::new(&TrainConfig::default())),
            layer,
            device: device.clone(),
        })
    }

    /// Times one repetition, phase by phase.
    pub(super) fn phases(&mut self) -> Result<Phases, JobError> {
        let (gradients, [forward, backward]) = self.passes()?;
        let update = match &mut self.optimiser {
            None => None,
            Some(optimiser) => {
                let layer = self.layer.clone();
                let (layer, seconds) = timed_on(&self.device, || {
                    let gradients = GradientsParams::from_grads(gradients, &layer);
                    optimiser.step(RATE, layer, gradients)
                })?;
                self.layer = layer;
                Some(seconds)
            }
        };
        let (_, routing) = timed_on(&self.device, || {
            self.layer.decide(&self.x_td, &self.context)
        })?;
        Ok(Phases {
            routing,
            forward,
            backward,
            update,
        })
    }

    /// Times forward and backward.
    fn passes(&self) -> Result<(Gradients, [f64; 2]), JobError> {
        let (output, forward) = timed_on(&self.device, || self.forward())?;
        let (gradients, backward) = timed_on(&self.device, || self.loss(&output).backward())?;
        Ok((gradients, [forward, backward]))
    }

    /// One pass, off the clock.
    pub(super) fn forward(&self) -> MoeOutput {
        self.layer.forward(self.x_td.clone(), &self.context)
    }

    /// A scalar whose gradient with respect to the output is the given one; balancers add theirs.
    fn loss(&self, output: &MoeOutput) -> Tensor<1> {
        let weighted = (output.y_td.clone() * self.gradient_td.clone()).sum();
        let (losses, rounds) = auxiliary_sums([output]);
        let losses = losses.into_iter();
        losses.fold(weighted, |sum, (_, loss)| sum + loss / rounds as f64)
    }
}

impl Timed for Bench {
    fn step(&mut self) -> Result<f64, JobError> {
        let (_, [forward, backward]) = self.passes()?;
        Ok(forward + backward)
    }

    fn tokens(&self) -> usize {
        self.x_td.dims()[0]
    }
}
