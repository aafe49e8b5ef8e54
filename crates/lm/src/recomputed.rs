//! Activation checkpointing: gradients of a pass of which only what enters each layer is kept.

use burn::{
    optim::{GradientsAccumulator, GradientsParams},
    tensor::{Gradients, Tensor},
};
use moe_layer::{Capacity, MoeOutput};
use trainer::{Losses, Minimised, Pass};

use crate::{
    CausalLm, LanguageModel, LayerTraces, LmForward, TokenBatch, router_losses::RouterLosses,
};

/// The losses of a batch and the gradients of what is minimised, in a pass of training.
///
/// Forward, no graph is made. Backward, from the last layer to the first, each runs again on what entered it,
/// and the chain rule goes on by hand: with g the gradient that came back to its output y, the gradients of
/// `sum(g * y)` and of the layer's part of the routers' losses are those of its parameters and of what entered
/// it.
pub(crate) fn gradients<M: CausalLm>(
    learner: &LanguageModel<M>,
    batch: &TokenBatch,
    pass: &Pass,
    minimised: &Minimised,
) -> (Losses<LayerTraces>, GradientsParams) {
    let model = learner.inner();
    let input = learner.input(batch, pass.seed, Capacity::Training);
    let shared = model.pass(&input);
    let mut sum = Sum::of(learner);

    // A graph whose tensors are dropped is freed by the next backward pass alone, so none is begun.
    let quiet = model.clone().no_grad();
    let mut entered = vec![quiet.embed(&shared)];
    let mut traces = LayerTraces::none();
    let mut routers = learner.router_losses();
    for number in 0..quiet.depth() {
        let x_bsd = entered.last().expect("the first is there").clone();
        let (y_bsd, mixture) = quiet.layer(number, x_bsd, &shared);
        entered.push(y_bsd);
        if let Some(mixture) = mixture {
            routers.add(&mixture);
            traces.push(&mixture);
        }
    }

    let end_bsd = entered.pop().expect("the last is there").require_grad();
    let end = LmForward {
        logits: model.logits(end_bsd.clone(), &shared),
        layers: Vec::new(),
    };
    let lm = learner.nll(&end, batch);
    drop(end);
    let mut back_bsd = sum.take(lm.clone() * minimised.share, &end_bsd);
    for (number, x_bsd) in entered.into_iter().enumerate().rev() {
        let x_bsd = x_bsd.require_grad();
        let (y_bsd, mixture) = model.layer(number, x_bsd.clone(), &shared);
        let mut own = through(y_bsd, back_bsd);
        if minimised.auxiliary {
            for (_, loss) in of_layer(learner, &routers, mixture.as_ref()) {
                own = own + loss * minimised.share;
            }
        }
        back_bsd = sum.take(own, &x_bsd);
    }
    // Frozen embeddings have no graph.
    let embedded = model.embed(&shared);
    if embedded.is_tracked() {
        sum.add(through(embedded, back_bsd).backward());
    }
    let losses = Losses {
        lm: lm.detach(),
        aux: routers.over_layers(),
        measures: Vec::new(),
        observation: traces,
    };
    (losses, sum.gradients.grads())
}

/// A number whose gradient into y is g.
fn through(y_bsd: Tensor<3>, back_bsd: Tensor<3>) -> Tensor<1> {
    (y_bsd * back_bsd).sum()
}

/// What a layer adds to each loss of routers.
fn of_layer<M: CausalLm>(
    learner: &LanguageModel<M>,
    all: &RouterLosses,
    layer: Option<&MoeOutput>,
) -> Vec<(&'static str, Tensor<1>)> {
    all.part(&learner.router_losses().with(layer))
}

/// The gradients of parameters so far.
struct Sum<'a, M: CausalLm> {
    learner: &'a LanguageModel<M>,
    gradients: GradientsAccumulator<LanguageModel<M>>,
}

impl<'a, M: CausalLm> Sum<'a, M> {
    fn of(learner: &'a LanguageModel<M>) -> Self {
        Self {
            learner,
            gradients: GradientsAccumulator::new(),
        }
    }

    /// Adds the gradients of a number into the parameters, and gives that into `x_bsd`, a leaf of its graph.
    fn take(&mut self, number: Tensor<1>, x_bsd: &Tensor<3>) -> Tensor<3> {
        let gradients = number.backward();
        let back_bsd = x_bsd.grad(&gradients);
        self.add(gradients);
        back_bsd.expect("a layer adds to what enters it").autodiff()
    }

    fn add(&mut self, gradients: Gradients) {
        let own = GradientsParams::from_grads(gradients, self.learner);
        self.gradients.accumulate(self.learner, own);
    }
}
