//! The router: scorer, strategy and balancers composed.

use burn::{
    module::Module,
    tensor::{Device, FloatDType, activation::softmax},
};

use crate::{
    Assign, AssignConfig, AuxiliaryLoss, Balance, BalancerConfig, RouteInput, RouterConfig,
    RouterDims, Routing, Score, ScoreConfig, Scorer, Scores, Strategy,
};

/// A scorer (where the strategy looks at scores), a strategy, and balancers.
#[derive(Module, Debug)]
pub struct Router {
    scorer: Option<Scorer>,
    strategy: Strategy,
    #[module(skip)]
    balancers: Vec<BalancerConfig>,
}

impl Router {
    /// Builds a router for sizes that its configuration accepts.
    pub(crate) fn new(config: &RouterConfig, dims: &RouterDims, device: &Device) -> Self {
        let dims = RouterDims {
            top_k: config.strategy.top_k(dims.top_k),
            ..*dims
        };
        let needs_scores = config.strategy.facts().needs_scores;
        Self {
            scorer: needs_scores.then(|| config.scorer.init(&dims, device)),
            strategy: config.strategy.init(&dims, device),
            balancers: config.balancers.clone(),
        }
    }

    /// Decides where each token goes.
    ///
    /// Logits and softmax are f32 whatever the type of `x_td`.
    #[must_use]
    pub fn route(&self, input: &RouteInput) -> Routing {
        let scores = self.scorer.as_ref().map(|scorer| {
            let logits_te = scorer.score(input.x_td.clone().cast(FloatDType::F32));
            Scores {
                probs_te: softmax(logits_te.clone(), 1),
                logits_te,
            }
        });
        let assignment = self.strategy.assign(scores.as_ref(), input);
        Routing { scores, assignment }
    }

    /// The auxiliary losses of a decision, already weighted; none where nothing was scored.
    #[must_use]
    pub fn auxiliary_losses(&self, routing: &Routing) -> Vec<AuxiliaryLoss> {
        let Some(scores) = &routing.scores else {
            return Vec::new();
        };
        self.balancers
            .iter()
            .map(|balancer| AuxiliaryLoss {
                name: balancer.name(),
                value: balancer.loss(scores, &routing.assignment),
            })
            .collect()
    }
}
