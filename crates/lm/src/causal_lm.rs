//! A causal language model with mixtures of experts in it.

use std::convert::Infallible;

use burn::{
    module::{Module, ModuleDisplay},
    tensor::{Device, Int, Tensor, activation::log_softmax},
};
use kernels::{Precision, cross_entropy};
use moe_layer::{Capacity, Mixtures, MoeOutput};
use routers::StepLoad;

use crate::RowTexts;

/// What a forward pass reads.
#[derive(Debug, Clone)]
pub struct LmInput {
    /// Token ids `[B, S]`.
    pub ids_bs: Tensor<2, Int>,
    /// Which texts the rows are; where it is not said, each row is one from its beginning. A model that does not pad
    /// ([`LmLimits::pads`]) reads no others.
    pub texts: Option<RowTexts>,
    /// Seed of the routers' noise and of dropout in this pass.
    pub noise_seed: u64,
    /// Which capacity factor limits the mixtures.
    pub capacity: Capacity,
    /// In what matrices multiply.
    pub precision: Precision,
}

/// What a forward pass gives.
#[derive(Debug, Clone)]
pub struct LmForward {
    /// Logits `[B * S, V]`, f32.
    pub logits: Tensor<2>,
    /// What each mixture did, in the order of the layers.
    pub layers: Vec<MoeOutput>,
}

impl LmForward {
    /// Mean negative log-likelihood of the targets `[B * S]` that count, in nats per token; 0 where none
    /// does. `weights_t` is 1 for those and 0 for the others.
    #[must_use]
    pub fn nll(&self, targets_t: Tensor<1, Int>, weights_t: Option<Tensor<1>>) -> Tensor<1> {
        let Some(weights_t) = weights_t else {
            return cross_entropy(self.logits.clone(), targets_t);
        };
        let losses_t = self.losses(targets_t);
        let counted = weights_t.clone().sum().clamp_min(1.0);
        (losses_t * weights_t).sum() / counted
    }

    /// The negative log-likelihood of each target, `[B * S]`.
    #[must_use]
    pub fn losses(&self, targets_t: Tensor<1, Int>) -> Tensor<1> {
        let targets_t1 = targets_t.unsqueeze_dim::<2>(1);
        let chosen_t1 = log_softmax(self.logits.clone(), 1).gather(1, targets_t1);
        chosen_t1.squeeze_dim::<1>(1).neg()
    }
}

/// Which texts a model reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LmLimits {
    /// V: token ids are below it.
    pub vocab: usize,
    /// The longest text, in tokens.
    pub positions: usize,
    /// Whether texts of several lengths are read side by side, the shorter ones padded, and several in a row.
    pub pads: bool,
}

/// A language model that predicts each token from those before it: a chain of layers between an
/// embedding and logits.
pub trait CausalLm: Module + ModuleDisplay + Mixtures {
    /// What the parts of a pass have in common.
    type Pass;

    /// What the parts of a pass over this input have in common.
    fn pass(&self, input: &LmInput) -> Self::Pass;

    /// What the first layer reads, `[B, S, D]`.
    fn embed(&self, pass: &Self::Pass) -> Tensor<3>;

    /// How many layers it has.
    fn depth(&self) -> usize;

    /// Runs the layer of this number: `x_bsd` `[B, S, D]` to the same shape, and what its mixture did,
    /// where it has one. Run again on the same, it gives the same, down to what noise and dropout draw.
    fn layer(
        &self,
        number: usize,
        x_bsd: Tensor<3>,
        pass: &Self::Pass,
    ) -> (Tensor<3>, Option<MoeOutput>);

    /// The logits `[B * S, V]`, f32, of what the last layer gives.
    fn logits(&self, x_bsd: Tensor<3>, pass: &Self::Pass) -> Tensor<2>;

    /// Runs the model.
    fn forward(&self, input: &LmInput) -> LmForward {
        let pass = self.pass(input);
        let mut x_bsd = kernels::part!("embed", self.embed(&pass));
        let mut layers = Vec::new();
        for number in 0..self.depth() {
            let (y_bsd, mixture) = kernels::part!("layer", self.layer(number, x_bsd, &pass));
            layers.extend(mixture);
            x_bsd = y_bsd;
        }
        LmForward {
            logits: kernels::part!("head", self.logits(x_bsd, &pass)),
            layers,
        }
    }

    /// The model after a step of training, told what the experts of each mixture got, round by round, and then the
    /// adapters of a branch with a router: what is not learned by gradient has adapted.
    ///
    /// # Panics
    ///
    /// If there is not one load per mixture and round.
    #[must_use]
    fn adapt(self, loads: &[Vec<StepLoad>]) -> Self {
        let mixtures = self.mixtures().len();
        assert_eq!(mixtures, loads.len(), "loads for every mixture");
        let mut loads = loads.iter();
        let adapted = self.map_mixtures(|_, layer| {
            let load = loads.next().expect("they were counted");
            Ok::<_, Infallible>(layer.adapt(load))
        });
        match adapted {
            Ok(model) => model,
            Err(never) => match never {},
        }
    }

    /// The router that the parameter at this path belongs to, as the beginning of the path.
    fn router_of(path: &str) -> Option<&str>;

    /// Which texts it reads.
    fn limits(&self) -> LmLimits;

    /// The device of its parameters.
    fn device(&self) -> Device;
}
