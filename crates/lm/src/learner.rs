//! A language model as the training loop wants it.

use burn::{module::Module, tensor::Tensor};
use kernels::Precision;
use moe_layer::{Capacity, MoeConfig, MoeOutput, auxiliary_sums};
use routers::{OverLayers, RouterConfig};
use trainer::{Learner, Losses, Pass};

use crate::{CausalLm, LayerTraces, LmForward, LmInput, TokenBatch, pooled_balance};

/// Names of what an evaluation measures beside its loss.
pub mod measure {
    /// The loss under the capacity of training.
    pub const TRAIN_CAPACITY_LOSS: &str = "loss under the capacity of training";
    /// The share of assignments that this capacity drops.
    pub const DROP_RATE: &str = "drop rate";
}

/// The loss that can be of the tokens of all layers in one pool.
const POOLED: &str = "switch";

/// Where the model stands in the paths of parameters.
const FIELD: &str = "model.";

/// A model, and what a pass of it needs to know.
#[derive(Module, Debug)]
pub struct LanguageModel<M: Module> {
    model: M,
    bf16: bool,
    /// The capacity of training can drop other assignments than an evaluation does.
    evaluates_differently: bool,
    /// How the losses of routers become one over the layers.
    #[module(skip)]
    over_layers: OverLayers,
    /// The weight of the `switch` loss over all layers in one pool, where it is pooled.
    #[module(skip)]
    pooled: Option<f64>,
}

impl<M: CausalLm> LanguageModel<M> {
    /// A model to be trained and not evaluated, whose routers' losses are means over layers.
    #[must_use]
    pub fn new(model: M, precision: Precision) -> Self {
        Self {
            model,
            bf16: precision == Precision::BF16,
            evaluates_differently: false,
            over_layers: OverLayers::Mean,
            pooled: None,
        }
    }

    /// The same as the settings of its mixtures want losses and evaluations.
    #[must_use]
    pub fn with_settings(self, moe: &MoeConfig, router: &RouterConfig) -> Self {
        Self {
            evaluates_differently: moe.evaluates_differently(router),
            over_layers: router.aux_layers,
            pooled: router.pooled(),
            ..self
        }
    }

    /// The model inside.
    #[must_use]
    pub const fn inner(&self) -> &M {
        &self.model
    }

    /// Runs the model on a batch.
    #[must_use]
    pub fn forward(&self, batch: &TokenBatch, noise_seed: u64, capacity: Capacity) -> LmForward {
        self.model.forward(&LmInput {
            ids_bs: batch.ids_bs(&self.model.device()),
            texts: batch.row_texts(&self.model.device()),
            noise_seed,
            capacity,
            precision: if self.bf16 {
                Precision::BF16
            } else {
                Precision::F32
            },
        })
    }

    fn nll(&self, forward: &LmForward, batch: &TokenBatch) -> Tensor<1> {
        let device = self.model.device();
        forward.nll(batch.targets_t(&device), batch.weights_t(&device))
    }

    /// What else an evaluation tells of a batch: its loss and drops under the capacity of training.
    fn under_training_capacity(
        &self,
        batch: &TokenBatch,
        seed: u64,
        (forward, lm): (&LmForward, &Tensor<1>),
    ) -> Vec<(&'static str, Tensor<1>)> {
        let again = self
            .evaluates_differently
            .then(|| self.forward(batch, seed, Capacity::Training));
        let (forward, lm) = match &again {
            Some(again) => (again, self.nll(again, batch)),
            None => (forward, lm.clone()),
        };
        let layers = forward.layers.len() as f64;
        let dropped = forward.layers.iter().map(|layer| layer.trace().drop_rate());
        let dropped = dropped.reduce(|sum, more| sum + more);
        let dropped = dropped.expect("a model has a mixture") / layers;
        vec![
            (measure::TRAIN_CAPACITY_LOSS, lm),
            (measure::DROP_RATE, dropped),
        ]
    }

    /// Each loss of routers: the mean over layers and their rounds, their sum, or that of all tokens in
    /// one pool.
    fn over_layers(&self, forward: &LmForward) -> Vec<(&'static str, Tensor<1>)> {
        let (sums, rounds) = auxiliary_sums(&forward.layers);
        let parts = if self.over_layers == OverLayers::Sum {
            1.0
        } else {
            rounds as f64
        };
        let pooled = self.pooled.zip(pooled_balance(&forward.layers));
        let over = |(name, sum): (&'static str, Tensor<1>)| match &pooled {
            Some((alpha, balance)) if name == POOLED => (name, balance.clone() * *alpha),
            _ => (name, sum / parts),
        };
        sums.into_iter().map(over).collect()
    }
}

impl<M: CausalLm> Learner for LanguageModel<M> {
    type Batch = TokenBatch;
    type Observation = LayerTraces;

    fn losses(&self, batch: &TokenBatch, pass: &Pass) -> Losses<LayerTraces> {
        let capacity = if pass.training {
            Capacity::Training
        } else {
            Capacity::Evaluation
        };
        let forward = self.forward(batch, pass.seed, capacity);
        let lm = self.nll(&forward, batch);
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
        self.model = self.model.adapt(&LayerTraces::step_loads(observations));
        self
    }

    fn tokens(batch: &TokenBatch) -> usize {
        batch.num_real()
    }

    fn counted(batch: &TokenBatch) -> usize {
        batch.num_counted()
    }

    fn router_of(path: &str) -> Option<&str> {
        let own = M::router_of(path.strip_prefix(FIELD)?)?;
        Some(&path[..FIELD.len() + own.len()])
    }
}
