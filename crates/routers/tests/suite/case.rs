//! Something that routes, built from a configuration.

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Gradients, Tensor},
};
use registry::Variant;
use routers::{
    Assign, AssignConfig, RouteInput, Router, RouterDims, RouterError, Routing, Score, ScoreConfig,
    Scorer, ScorerConfig, Scores, Sequences, StrategyFacts, StrategyRules, Switches,
};
use testkit::{integers, learned_params, normal};

/// D of every case.
const WIDTH: usize = 6;
/// V of every case.
const VOCAB: usize = 40;

/// Something that routes, with its parameters.
pub(crate) trait Subject {
    fn route(&self, input: &RouteInput) -> Routing;

    /// The sum of the sizes of each learned parameter's gradient, one number a parameter.
    fn gradients(&self, gradients: &Gradients) -> Vec<f64>;

    /// Learned parameters, on a device with autodiff.
    fn parameters(&self) -> usize;
}

/// Whether sizes are accepted.
type Check = Box<dyn Fn(&RouterDims) -> Result<(), RouterError>>;

/// Builds the subject for sizes.
type Build = Box<dyn Fn(&RouterDims, &Device) -> Box<dyn Subject>>;

/// One strategy with one scorer, and what is known of them before they are built.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) facts: StrategyFacts,
    pub(crate) owns_capacity: bool,
    pub(crate) top_k: Box<dyn Fn(usize) -> usize>,
    pub(crate) check: Check,
    pub(crate) build: Build,
    pub(crate) num_params: Box<dyn Fn(&RouterDims) -> usize>,
}

/// Every member of a family with its defaults.
pub(crate) fn members<V: Variant>() -> Vec<V> {
    let default = |name| V::by_default(name).expect("a member of the registry");
    V::MEMBERS
        .iter()
        .map(|member| default(member.name))
        .collect()
}

/// Every strategy of a family with every scorer, composed as the router composes its own; `rules` is the
/// family's.
pub(crate) fn composed<C>(rules: fn(&C) -> &dyn StrategyRules) -> Vec<Case>
where
    C: AssignConfig<Strategy: Module> + Variant + Clone + 'static,
{
    let mut cases = Vec::new();
    for (strategy, member) in members::<C>().into_iter().zip(C::MEMBERS) {
        for scorer in members::<ScorerConfig>() {
            let facts = rules(&strategy).facts();
            let (own, checked, built) = (strategy.clone(), strategy.clone(), strategy.clone());
            let (counted, own_params) = (scorer.clone(), strategy.clone());
            cases.push(Case {
                name: format!("{} on {}", member.name, scorer.name()),
                facts,
                owns_capacity: rules(&strategy).owns_capacity(),
                top_k: Box::new(move |k| rules(&own).top_k(k)),
                check: Box::new(move |dims| rules(&checked).check(dims)),
                num_params: Box::new(move |dims| {
                    let scorer = if facts.needs_scores {
                        counted.rules().num_params(dims)
                    } else {
                        0
                    };
                    scorer + rules(&own_params).num_params(dims)
                }),
                build: Box::new(move |dims, device| {
                    let top_k = rules(&built).top_k(dims.top_k);
                    let dims = RouterDims {
                        top_k,
                        ..dims.clone()
                    };
                    Box::new(Composed {
                        scorer: facts.needs_scores.then(|| scorer.init(&dims, device)),
                        strategy: built.init(&dims, device),
                        switches: rules(&built).switches(top_k),
                    })
                }),
            });
        }
    }
    cases
}

struct Composed<S> {
    scorer: Option<Scorer>,
    switches: Switches,
    strategy: S,
}

impl<S: Assign + Module> Subject for Composed<S> {
    fn route(&self, input: &RouteInput) -> Routing {
        let scores = self.scorer.as_ref().map(|scorer| {
            let logits_te = scorer.score(input.x_td.clone());
            Scores::new(logits_te, self.switches.score_function, self.switches.gate)
        });
        let assignment = self.strategy.assign(scores.as_ref(), input);
        Routing::new(scores, assignment)
    }

    fn gradients(&self, gradients: &Gradients) -> Vec<f64> {
        let mut sizes = sizes_of(&self.scorer, gradients);
        sizes.extend(sizes_of(&self.strategy, gradients));
        sizes
    }

    fn parameters(&self) -> usize {
        learned_params(&self.scorer) + learned_params(&self.strategy)
    }
}

impl Subject for Router {
    fn route(&self, input: &RouteInput) -> Routing {
        Router::route(self, input)
    }

    fn gradients(&self, gradients: &Gradients) -> Vec<f64> {
        sizes_of(self, gradients)
    }

    fn parameters(&self) -> usize {
        learned_params(self)
    }
}

fn sizes_of<M: Module>(module: &M, gradients: &Gradients) -> Vec<f64> {
    struct Sizes<'a>(&'a Gradients, Vec<f64>);

    impl ModuleVisitor for Sizes<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let value = param.val();
            if !value.is_require_grad() {
                return;
            }
            let gradient = value.grad(self.0);
            let size = gradient.map_or(0.0, |gradient| gradient.abs().sum().into_scalar::<f32>());
            self.1.push(f64::from(size));
        }
    }

    let mut sizes = Sizes(gradients, Vec::new());
    module.visit(&mut sizes);
    sizes.1
}

pub(crate) fn sizes(experts: usize, top_k: usize) -> RouterDims {
    RouterDims {
        width: WIDTH,
        experts,
        top_k,
        capacity_factor: 1.0,
        vocab: VOCAB,
        token_counts: None,
        seed: 0,
    }
}

/// A batch that follows from a seed.
pub(crate) fn inputs(sequences: usize, length: usize, seed: u64, device: &Device) -> RouteInput {
    let tokens = sequences * length;
    RouteInput {
        x_td: normal([tokens, WIDTH], seed, device),
        token_ids_t: integers([tokens], VOCAB, seed + 1, device),
        sequences: Sequences::equal(sequences, length),
        noise_seed: 7,
        training: true,
    }
}
