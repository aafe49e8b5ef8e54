//! A language model as the training loop wants it.

use burn::{module::Module, optim::GradientsParams, tensor::Tensor};
use kernels::Precision;
use moe_layer::{Capacity, MoeConfig};
use routers::RouterConfig;
use trainer::{Learner, Losses, Minimised, Pass};

use crate::{
    CausalLm, LayerTraces, LmForward, LmInput, TokenBatch, over_layers::OneOfLayers, recomputed,
    router_losses::RouterLosses,
};

/// Names of what an evaluation measures beside its loss.
pub mod measure {
    /// The loss under the capacity of training.
    pub const TRAIN_CAPACITY_LOSS: &str = "loss under the capacity of training";
    /// The share of assignments that this capacity drops.
    pub const DROP_RATE: &str = "drop rate";
}

/// Where the model stands in the paths of parameters.
const FIELD: &str = "model.";

/// A model, and what a pass of it needs to know.
#[derive(Module, Debug)]
pub struct LanguageModel<M: Module> {
    model: M,
    bf16: bool,
    /// The capacity of training can drop other assignments than an evaluation does.
    evaluates_differently: bool,
    /// How the losses of the layers' routers become one.
    #[module(skip)]
    over_layers: OneOfLayers,
    /// The same of the routers of adapters beside the layers.
    #[module(skip)]
    over_branches: OneOfLayers,
    /// Whether a gradient computes the layers again and keeps what enters them alone.
    recomputes: bool,
}

impl<M: CausalLm> LanguageModel<M> {
    /// A model to be trained and not evaluated, whose routers' losses are means over layers.
    #[must_use]
    pub fn new(model: M, precision: Precision) -> Self {
        Self {
            model,
            bf16: precision == Precision::BF16,
            evaluates_differently: false,
            over_layers: OneOfLayers::MEAN,
            over_branches: OneOfLayers::MEAN,
            recomputes: false,
        }
    }

    /// The same as the settings of its mixtures want losses and evaluations.
    #[must_use]
    pub fn with_settings(self, moe: &MoeConfig, router: &RouterConfig) -> Self {
        Self {
            evaluates_differently: moe.evaluates_differently(router),
            over_layers: OneOfLayers::of(router),
            ..self
        }
    }

    /// The same as the router of adapters beside its mixtures wants its losses.
    #[must_use]
    pub fn with_branch_router(self, router: &RouterConfig) -> Self {
        Self {
            over_branches: OneOfLayers::of(router),
            ..self
        }
    }

    /// The same with or without activation checkpointing: of each layer a pass keeps what enters it, and its
    /// gradient computes the layer again, one at a time. Numbers stay; a step computes every layer twice.
    ///
    /// Reference: Chen et al. 2016, with a segment a layer.
    #[must_use]
    pub fn recomputing(self, recomputes: bool) -> Self {
        Self { recomputes, ..self }
    }

    /// The model inside.
    #[must_use]
    pub const fn inner(&self) -> &M {
        &self.model
    }

    /// Runs the model on a batch.
    #[must_use]
    pub fn forward(&self, batch: &TokenBatch, noise_seed: u64, capacity: Capacity) -> LmForward {
        self.model.forward(&self.input(batch, noise_seed, capacity))
    }

    pub(crate) fn input(&self, batch: &TokenBatch, noise_seed: u64, capacity: Capacity) -> LmInput {
        LmInput {
            ids_bs: batch.ids_bs(&self.model.device()),
            texts: batch.row_texts(&self.model.device()),
            noise_seed,
            capacity,
            precision: if self.bf16 {
                Precision::BF16
            } else {
                Precision::F32
            },
        }
    }

    /// The losses of the routers of no layer yet.
    pub(crate) const fn router_losses(&self) -> RouterLosses {
        RouterLosses::none(self.over_layers, self.over_branches)
    }

    pub(crate) fn nll(&self, forward: &LmForward, batch: &TokenBatch) -> Tensor<1> {
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
            (Vec::new(), LayerTraces::of(&forward.layers))
        } else {
            let measures = self.under_training_capacity(batch, pass.seed, (&forward, &lm));
            (measures, LayerTraces::none())
        };
        Losses {
            lm,
            aux: self.router_losses().with(&forward.layers).over_layers(),
            measures,
            observation: traces,
        }
    }

    fn gradients(
        &self,
        batch: &TokenBatch,
        pass: &Pass,
        minimised: &Minimised,
    ) -> (Losses<LayerTraces>, GradientsParams) {
        if self.recomputes {
            recomputed::gradients(self, batch, pass, minimised)
        } else {
            minimised.gradients(self, || self.losses(batch, pass))
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
