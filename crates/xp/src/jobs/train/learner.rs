//! TinyMoE as the training loop wants it.

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor, TensorData},
};
use corpora::WindowBatch;
use kernels::Precision;
use models_tiny::{Forward, LayerForward, ModelInput, TinyMoe};
use moe_layer::{Capacity, DropPolicyConfig, LayerDims, MoeLayer, RoutingTrace};
use routers::{AssignConfig, StepLoad};
use trainer::{Learner, Losses, Observation, Pass};

use crate::jobs::TrainSettings;

/// TinyMoE and the precision that it multiplies in.
#[derive(Module, Debug)]
pub(crate) struct LanguageModel {
    model: TinyMoe,
    bf16: bool,
}

/// One trace per layer.
pub(crate) struct LayerTraces(pub(super) Vec<RoutingTrace>);

/// C of a training batch, where something limits it.
pub(super) fn capacity(settings: &TrainSettings) -> Option<usize> {
    let TrainSettings {
        moe, router, train, ..
    } = settings;
    let sequences = train.batch.get();
    let k = moe.k_of_round().unwrap_or(moe.k.get());
    let tokens = sequences * train.sequence.get();
    if router.strategy.facts().owns_capacity {
        // Neither width nor vocabulary bears on it.
        let dims = MoeLayer::router_dims(moe, &LayerDims::new(0, 0));
        return router.strategy.own_capacity(&dims, tokens, sequences);
    }
    let limited = !matches!(moe.drop, DropPolicyConfig::None(_));
    limited.then(|| {
        let factor = moe.capacity_factor.get();
        routers::capacity(factor, tokens, k, moe.experts.get())
    })
}

impl LanguageModel {
    pub(crate) fn new(model: TinyMoe, precision: Precision) -> Self {
        Self {
            model,
            bf16: precision == Precision::BF16,
        }
    }

    /// The model inside.
    pub(super) fn inner(&self) -> &TinyMoe {
        &self.model
    }

    pub(super) fn forward(&self, batch: &WindowBatch, noise_seed: u64) -> Forward {
        let ids = integers(&batch.inputs, &self.model.device());
        self.model.forward(&ModelInput {
            ids_bs: ids.reshape([batch.batch, batch.sequence]),
            noise_seed,
            capacity: Capacity::Training,
            precision: if self.bf16 {
                Precision::BF16
            } else {
                Precision::F32
            },
        })
    }
}

fn integers(values: &[u32], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.iter().map(|&value| value as i32).collect();
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}

impl Learner for LanguageModel {
    type Batch = WindowBatch;
    type Observation = LayerTraces;

    fn losses(&self, batch: &WindowBatch, pass: &Pass) -> Losses<LayerTraces> {
        let forward = self.forward(batch, pass.seed);
        let lm = forward.nll(integers(&batch.targets, &self.model.device()));
        Losses {
            lm,
            aux: mean_over_layers(&forward),
            observation: LayerTraces(forward.layers.iter().map(LayerForward::trace).collect()),
        }
    }

    fn adapt(mut self, observations: &[LayerTraces]) -> Self {
        let layers = observations[0].0.len();
        let loads: Vec<_> = (0..layers)
            .map(|layer| step_loads(observations.iter().map(|seen| &seen.0[layer])))
            .collect();
        self.model = self.model.adapt(&loads);
        self
    }

    fn tokens(batch: &WindowBatch) -> usize {
        batch.targets.len()
    }
}

/// What the rounds of one layer did in all batches of a step.
fn step_loads<'a>(traces: impl Iterator<Item = &'a RoutingTrace>) -> Vec<StepLoad> {
    let both = |(sum, more): (StepLoad, StepLoad)| StepLoad {
        load_e: sum.load_e + more.load_e,
        tokens: sum.tokens + more.tokens,
    };
    traces
        .map(RoutingTrace::step_loads)
        .reduce(|sums, more| sums.into_iter().zip(more).map(both).collect())
        .expect("a step has a batch")
}

/// Each loss of routers, the mean over layers and their rounds, so that its weight does not grow with
/// depth.
fn mean_over_layers(forward: &Forward) -> Vec<(&'static str, Tensor<1>)> {
    let mut sums: Vec<(&'static str, Tensor<1>)> = Vec::new();
    let rounds: Vec<_> = forward
        .layers
        .iter()
        .flat_map(|layer| {
            let later = layer.later.iter().map(|round| &round.routing);
            std::iter::once(&layer.routing).chain(later)
        })
        .collect();
    for loss in rounds.iter().flat_map(|routing| &routing.auxiliary) {
        match sums.iter_mut().find(|(name, _)| *name == loss.name) {
            Some((_, sum)) => *sum = sum.clone() + loss.value.clone(),
            None => sums.push((loss.name, loss.value.clone())),
        }
    }
    let rounds = rounds.len() as f64;
    sums.into_iter()
        .map(|(name, sum)| (name, sum / rounds))
        .collect()
}

impl Observation for LayerTraces {
    fn add(self, other: Self) -> Self {
        Self(
            self.0
                .into_iter()
                .zip(other.0)
                .map(|(mine, theirs)| mine.merge(theirs))
                .collect(),
        )
    }

    fn into_host(self) -> Vec<TensorData> {
        self.0
            .into_iter()
            .flat_map(RoutingTrace::into_host)
            .collect()
    }

    fn from_host(tensors: Vec<TensorData>, device: &Device) -> Self {
        let mut tensors = tensors.into_iter();
        let layers = tensors.len() / RoutingTrace::HOST_TENSORS;
        let mut next = || tensors.by_ref().take(RoutingTrace::HOST_TENSORS).collect();
        Self(
            (0..layers)
                .map(|_| RoutingTrace::from_host(next(), device))
                .collect(),
        )
    }
}
