//! TinyMoE as the training loop wants it.

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor, TensorData},
};
use corpora::WindowBatch;
use kernels::Precision;
use models_tiny::{Forward, ModelInput, TinyMoe};
use moe_layer::{
    Capacity, DropPolicyConfig, LayerDims, MoeConfig, MoeLayer, MoeOutput, RoutingTrace,
    auxiliary_sums,
};
use routers::{AssignConfig, OverLayers, RouterConfig, StepLoad};
use trainer::{Learner, Losses, Observation, Pass};

use crate::jobs::TrainSettings;

/// TinyMoE, and what a pass of it needs to know.
#[derive(Module, Debug)]
pub(crate) struct LanguageModel {
    model: TinyMoe,
    bf16: bool,
    /// The capacity of training can drop other assignments than an evaluation does.
    evaluates_differently: bool,
    /// Losses of routers are added up over the layers, and not averaged.
    sums_layers: bool,
}

/// Names of what an evaluation measures beside its loss.
pub(super) mod measure {
    /// The loss under the capacity of training.
    pub(crate) const TRAIN_CAPACITY_LOSS: &str = "loss under the capacity of training";
    /// The share of assignments that this capacity drops.
    pub(crate) const DROP_RATE: &str = "drop rate";
}

/// One trace per layer; none of an evaluation.
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
    /// A model to be trained and not evaluated.
    pub(crate) fn new(model: TinyMoe, precision: Precision) -> Self {
        Self {
            model,
            bf16: precision == Precision::BF16,
            evaluates_differently: false,
            sums_layers: false,
        }
    }

    /// The same as the settings want its losses and evaluations.
    pub(super) fn with_settings(self, moe: &MoeConfig, router: &RouterConfig) -> Self {
        Self {
            evaluates_differently: evaluates_differently(moe, router),
            sums_layers: router.aux_layers == OverLayers::Sum,
            ..self
        }
    }

    /// The model inside.
    pub(super) fn inner(&self) -> &TinyMoe {
        &self.model
    }

    pub(super) fn forward(
        &self,
        batch: &WindowBatch,
        noise_seed: u64,
        capacity: Capacity,
    ) -> Forward {
        let ids = integers(&batch.inputs, &self.model.device());
        self.model.forward(&ModelInput {
            ids_bs: ids.reshape([batch.batch, batch.sequence]),
            noise_seed,
            capacity,
            precision: if self.bf16 {
                Precision::BF16
            } else {
                Precision::F32
            },
        })
    }

    /// What else an evaluation tells of a batch: its loss and drops under the capacity of training.
    fn under_training_capacity(
        &self,
        batch: &WindowBatch,
        seed: u64,
        (forward, lm): (&Forward, &Tensor<1>),
    ) -> Vec<(&'static str, Tensor<1>)> {
        let again = self
            .evaluates_differently
            .then(|| self.forward(batch, seed, Capacity::Training));
        let (forward, lm) = match &again {
            Some(again) => (again, again.nll(self.targets(batch))),
            None => (forward, lm.clone()),
        };
        let layers = forward.layers.len() as f64;
        let dropped = forward.layers.iter().map(|layer| layer.trace().drop_rate());
        let dropped = dropped.reduce(|sum, more| sum + more);
        let dropped = dropped.expect("a model has a layer") / layers;
        vec![
            (measure::TRAIN_CAPACITY_LOSS, lm),
            (measure::DROP_RATE, dropped),
        ]
    }

    fn targets(&self, batch: &WindowBatch) -> Tensor<1, Int> {
        integers(&batch.targets, &self.model.device())
    }
}

/// Whether the capacity of training can drop an assignment that an evaluation keeps, or the other way
/// round.
fn evaluates_differently(moe: &MoeConfig, router: &RouterConfig) -> bool {
    let limited = !matches!(moe.drop, DropPolicyConfig::None(_))
        && !router.strategy.facts().owns_capacity
        && moe.dense.is_none();
    limited && moe.eval_capacity_factor.factor() != Some(moe.capacity_factor.get())
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
        let capacity = if pass.training {
            Capacity::Training
        } else {
            Capacity::Evaluation
        };
        let forward = self.forward(batch, pass.seed, capacity);
        let lm = forward.nll(self.targets(batch));
        // Routing is logged of training; of an evaluation its measures are enough.
        let (measures, traces) = if pass.training {
            let traces = forward.layers.iter().map(MoeOutput::trace);
            (Vec::new(), traces.collect())
        } else {
            let measures = self.under_training_capacity(batch, pass.seed, (&forward, &lm));
            (measures, Vec::new())
        };
        Losses {
            lm,
            aux: self.over_layers(&forward),
            measures,
            observation: LayerTraces(traces),
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

impl LanguageModel {
    /// Each loss of routers: the mean over layers and their rounds, or their sum.
    fn over_layers(&self, forward: &Forward) -> Vec<(&'static str, Tensor<1>)> {
        let (sums, rounds) = auxiliary_sums(&forward.layers);
        let parts = if self.sums_layers { 1.0 } else { rounds as f64 };
        sums.into_iter()
            .map(|(name, sum)| (name, sum / parts))
            .collect()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_of_capacity_has_the_room_that_the_layer_gives() {
        let capacity = |text: &str| {
            let text = format!("train = {{ batch = 16, sequence = 64 }}\n{text}");
            capacity(&toml::from_str(&text).expect("settings"))
        };
        // ceil(1.25 * 1024 * 2 / 8) = 320, and never above 1,024.
        assert_eq!(capacity(""), Some(320));
        for factor in ["4.0", "1e7", "1e17", "1e300"] {
            let text = format!("moe.capacity-factor = {factor}");
            assert_eq!(capacity(&text), Some(1024), "{factor}");
        }
        let choice = "moe.capacity-factor = 1e300\nrouter.strategy = 'expert-choice'";
        assert_eq!(capacity(choice), Some(1024));
        assert_eq!(capacity("moe.drop = 'none'"), None);
    }
}
