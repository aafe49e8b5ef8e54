//! The router: scorer, strategy and balancers composed.

use burn::{
    module::Module,
    tensor::{Device, FloatDType, Tensor},
};

use crate::{
    Assign, AssignConfig, Assignment, AuxiliaryLoss, BalanceInput, BalancerConfig, Defined,
    GateRule, RouteInput, RouterConfig, RouterDims, Routing, Score, ScoreConfig, Scorer, Scores,
    SelectionBias, StepLoad, StepMemory, Strategy, Switches, scorer::with_logit_std,
};

/// A scorer (where the strategy looks at scores), a strategy, and balancers.
#[derive(Module, Debug)]
pub struct Router {
    scorer: Option<Scorer>,
    strategy: Strategy,
    bias: Option<SelectionBias>,
    memory: Option<StepMemory>,
    #[module(skip)]
    switches: Switches,
    #[module(skip)]
    balancers: Vec<BalancerConfig>,
}

impl Router {
    /// Builds a router for sizes that its configuration accepts.
    pub(crate) fn new(config: &RouterConfig, dims: &RouterDims, device: &Device) -> Self {
        let switches = config.switches(dims.top_k);
        let dims = RouterDims {
            top_k: config.strategy.rules().top_k(dims.top_k),
            ..dims.clone()
        };
        let scorer = || {
            let scorer = config.scorer.init(&dims, device);
            match config.logit_std {
                Some(std) => with_logit_std(scorer, std.get(), &dims, device),
                None => scorer,
            }
        };
        let counts_steps = config.balancers.iter().any(|b| b.rules().counts_steps());
        let bias = config
            .balancers
            .iter()
            .find_map(|b| b.rules().selection_bias());
        Self {
            scorer: config.strategy.rules().facts().needs_scores.then(scorer),
            strategy: config.strategy.init(&dims, device),
            bias: bias.map(|bias| SelectionBias::new(bias, dims.experts, device)),
            memory: counts_steps.then(|| StepMemory::new(dims.experts, device)),
            switches,
            balancers: config.balancers.clone(),
        }
    }

    /// Decides where each token goes.
    ///
    /// Logits and scores are f32 whatever the type of `x_td`.
    #[must_use]
    pub fn route(&self, input: &RouteInput) -> Routing {
        let Switches {
            score_function,
            gate,
        } = self.switches;
        let scores = self.scorer.as_ref().map(|scorer| {
            let logits_te = scorer.score(input.x_td.clone().cast(FloatDType::F32));
            Scores::new(logits_te, score_function, gate).with_bias(self.bias())
        });
        let assignment = self.strategy.assign(scores.as_ref(), input);
        let ghost_te = match (&scores, &assignment) {
            (Some(scores), Assignment::TokenChoice { .. }) if input.training => gate.ghost(scores),
            _ => None,
        };
        let auxiliary = self.auxiliary_losses(scores.as_ref(), &assignment, input);
        Routing {
            defined: self.defined(scores.as_ref(), &assignment),
            scores,
            assignment,
            ghost_te,
            auxiliary,
        }
    }

    /// What of a decision can be measured.
    fn defined(&self, scores: Option<&Scores>, assignment: &Assignment) -> Defined {
        let own = self.strategy.defined();
        let choices = match assignment {
            Assignment::TokenChoice { experts_tk, .. } => experts_tk.dims()[1],
            _ => usize::MAX,
        };
        Defined {
            probabilities: own.probabilities && scores.is_some(),
            gates: own.gates
                && scores.is_some_and(|scores| scores.gate != GateRule::StraightThrough)
                && choices > 1,
        }
    }

    /// How it assigns.
    #[must_use]
    pub const fn strategy(&self) -> &Strategy {
        &self.strategy
    }

    /// The scorer, where the strategy looks at scores.
    #[must_use]
    pub const fn scorer(&self) -> Option<&Scorer> {
        self.scorer.as_ref()
    }

    /// The same, to be changed in place.
    #[must_use]
    pub const fn scorer_mut(&mut self) -> Option<&mut Scorer> {
        self.scorer.as_mut()
    }

    /// The same with another scorer of these sizes, pre-trained or distilled; unchanged where the
    /// strategy looks at no scores.
    #[must_use]
    pub fn with_scorer(self, scorer: Scorer) -> Self {
        Self {
            scorer: self.scorer.map(|_| scorer),
            ..self
        }
    }

    /// Score function and gate rule.
    #[must_use]
    pub const fn switches(&self) -> Switches {
        self.switches
    }

    /// The bias on the choice of experts `[E]`, where a balancer asks for one.
    #[must_use]
    pub fn bias(&self) -> Option<Tensor<1>> {
        self.bias.as_ref().map(SelectionBias::value)
    }

    /// Adapts what is not learned by gradient, after a step of training.
    #[must_use]
    pub fn adapt(self, step: &StepLoad) -> Self {
        Self {
            strategy: self.strategy.adapt(step),
            bias: self.bias.map(|bias| bias.adapt(step)),
            memory: self.memory.map(|memory| memory.adapt(step)),
            ..self
        }
    }

    /// The losses of scorer, strategy and balancers; of balancers none where nothing was scored.
    fn auxiliary_losses(
        &self,
        scores: Option<&Scores>,
        assignment: &Assignment,
        input: &RouteInput,
    ) -> Vec<AuxiliaryLoss> {
        let mut losses = Vec::new();
        if let Some(scores) = scores {
            let seen = BalanceInput {
                scores,
                assignment,
                route: input,
                others_e: self
                    .memory
                    .as_ref()
                    .map(|memory| memory.others(input.tokens())),
            };
            losses.extend(self.named(|balancer| balancer.rules().loss(&seen)));
        }
        if input.training {
            let own = self.scorer.iter().flat_map(|scorer| scorer.losses(input));
            losses.extend(own);
            losses.extend(self.strategy.losses(scores, assignment, input));
        }
        losses
    }

    /// The losses that balancers make of the load that is kept after drops, which `kept` counts `[E]`.
    #[must_use]
    pub fn losses_after_drops(&self, kept: &dyn Fn() -> Tensor<1>) -> Vec<AuxiliaryLoss> {
        self.named(|balancer| balancer.rules().loss_after_drops(kept))
            .collect()
    }

    fn named(
        &self,
        loss: impl Fn(&BalancerConfig) -> Option<Tensor<1>>,
    ) -> impl Iterator<Item = AuxiliaryLoss> {
        self.balancers.iter().filter_map(move |balancer| {
            Some(AuxiliaryLoss {
                value: loss(balancer)?,
                name: balancer.loss_name(),
            })
        })
    }
}
