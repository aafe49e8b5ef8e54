//! Other routers in the place of a layer's own.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use kernels::Precision;
use moe_layer::{
    BatchRows, Capacity, CopyConfig, DispatcherConfig, DropPolicyConfig, FreshConfig, LayerDims,
    Mixtures, MoeConfig, MoeContext, MoeLayer, ReplaceError, Replacement, RouterInit, SharedConfig,
    SharedGate, agreement, put_back, replace_routers,
};
use registry::{PositiveF64, Variant};
use routers::{
    DistilConfig, FitConfig, GateRule, LinearConfig, MlpConfig, RouterConfig, ScorerConfig,
    StrategyConfig,
};
use testkit::{F32_EXACT_ORDER, assert_close, normal};

use crate::common::{config, members};

const WIDTH: usize = 8;
const TOKENS: usize = 384;

/// Two mixtures, the second of which reads what the first gives.
#[derive(Clone)]
struct Two(Vec<MoeLayer>);

impl Two {
    fn new(router: &RouterConfig) -> Self {
        Self::of(router, |moe| moe)
    }

    fn of(router: &RouterConfig, change: impl Fn(MoeConfig) -> MoeConfig) -> Self {
        let drop = DropPolicyConfig::by_default("none").expect("a policy");
        let moe = change(config(4, 2, 1.0, drop, DispatcherConfig::default()));
        let device = Device::flex();
        let layer = || MoeLayer::new(&moe, router, &dims(), &device).expect("a layer");
        Self(vec![layer(), layer()])
    }

    /// What each layer reads, and what the second gives.
    fn run(&self, x_td: Tensor<2>) -> (Vec<Tensor<2>>, Tensor<2>) {
        let context = MoeContext {
            token_ids_t: testkit::integers([TOKENS], 50, 3, &x_td.device()),
            rows: BatchRows::equal(3, TOKENS / 3),
            noise_seed: 4,
            training: false,
            capacity: Capacity::Evaluation,
            precision: Precision::F32,
        };
        let [first, second] = &self.0[..] else {
            unreachable!("there are two");
        };
        let one = first.forward(x_td, &context);
        let two = second.forward(one.y_td, &context);
        (vec![one.x_td, two.x_td], two.y_td)
    }
}

impl Mixtures for Two {
    fn mixtures(&self) -> Vec<(usize, &MoeLayer)> {
        self.0.iter().enumerate().collect()
    }

    fn map_mixtures<E>(
        self,
        mut change: impl FnMut(usize, MoeLayer) -> Result<MoeLayer, E>,
    ) -> Result<Self, E> {
        let layers = self.0.into_iter().enumerate();
        let changed = layers.map(|(number, layer)| change(number, layer));
        changed.collect::<Result<_, E>>().map(Self)
    }
}

fn dims() -> LayerDims {
    LayerDims::new(WIDTH, 50)
}

fn linear() -> RouterConfig {
    RouterConfig {
        scorer: LinearConfig::default().into(),
        balancers: Vec::new(),
        ..RouterConfig::default()
    }
}

fn mlp() -> RouterConfig {
    RouterConfig {
        scorer: MlpConfig::default().into(),
        ..linear()
    }
}

fn distil() -> RouterInit {
    DistilConfig {
        fit: FitConfig {
            steps: 400,
            learning_rate: PositiveF64::new(1e-2),
            ..FitConfig::default()
        },
        ..DistilConfig::default()
    }
    .into()
}

fn fresh() -> RouterInit {
    FreshConfig::default().into()
}

#[test]
fn any_scorer_and_strategy_take_the_place_and_give_it_back() {
    let device = Device::flex();
    let x_td = normal([TOKENS, WIDTH], 1, &device);
    let model = Two::new(&linear());
    let (hidden, before) = model.run(x_td.clone());
    let scorers = members::<ScorerConfig>()
        .into_iter()
        .map(|scorer| RouterConfig { scorer, ..linear() });
    let strategies = members::<StrategyConfig>();
    let strategies = strategies.into_iter().map(|strategy| RouterConfig {
        strategy,
        ..linear()
    });
    for router in scorers.chain(strategies) {
        let name = format!("{} by {}", router.strategy.name(), router.scorer.name());
        let (replaced, own, told) = replace_routers(
            model.clone(),
            &Replacement::new(router.clone(), fresh()),
            &dims(),
            &hidden,
        )
        .expect(&name);
        assert_eq!(told.len(), 2, "{name}");
        let line = told[1].to_string();
        let strategy = router.strategy.name();
        let scored = router.strategy.rules().facts().needs_scores;
        let after = if scored {
            format!("{strategy} by {}", router.scorer.name())
        } else {
            strategy.to_owned()
        };
        assert!(
            line.starts_with("layer 1: soft-top-k by linear, 32 parameters -> ")
                && line.contains(&after),
            "{line}"
        );
        let (_, other) = replaced.run(x_td.clone());
        assert!(
            other.into_data().iter::<f32>().all(f32::is_finite),
            "{name}"
        );
        let (_, again) = put_back(replaced, own).run(x_td.clone());
        assert_close(again, before.clone(), F32_EXACT_ORDER);
    }
}

#[test]
fn a_copy_computes_what_the_router_before_did() {
    let device = Device::flex();
    let x_td = normal([TOKENS, WIDTH], 1, &device);
    let model = Two::new(&linear());
    let (_, before) = model.run(x_td.clone());
    let copy = RouterInit::from(CopyConfig::default());
    let (copied, ..) = replace_routers(
        model.clone(),
        &Replacement::new(linear(), copy.clone()),
        &dims(),
        &[],
    )
    .expect("a copy");
    let given = copied.run(x_td).1.into_data();
    assert_eq!(given, before.into_data(), "to the bit");

    // Of another kind there is nothing to copy.
    let refused = replace_routers(model, &Replacement::new(mlp(), copy), &dims(), &[]);
    let error = refused.err().expect("an MLP is no linear map");
    assert!(matches!(error, ReplaceError::Kind { .. }));
    assert_eq!(
        error.to_string(),
        "`init = \"copy\"` wants scorers of one kind and size: mlp with 1684 parameters where the \
         router before has linear with 32; `distil` learns from any"
    );
}

#[test]
fn a_distilled_router_chooses_as_the_one_before() {
    let device = Device::flex();
    let model = Two::new(&RouterConfig {
        logit_std: Some(PositiveF64::new(2.0)),
        ..linear()
    });
    let (hidden, _) = model.run(normal([TOKENS, WIDTH], 1, &device));
    let (held_back, _) = model.run(normal([TOKENS, WIDTH], 9, &device));
    let agreed = |init: &RouterInit| {
        let (model, own, told) = replace_routers(
            model.clone(),
            &Replacement::new(mlp(), init.clone()),
            &dims(),
            &hidden,
        )
        .expect("a router");
        // The second reads what untrained experts give: next to nothing, and slow to fit.
        let (layer, own) = (&model.0[0], own[0].first());
        let agreed = agreement(own, layer.router(), &held_back[0], 2);
        (agreed.expect("both score"), told)
    };
    let (started, _) = agreed(&fresh());
    let (learned, told) = agreed(&distil());
    // By chance half of the choices agree, more or less.
    assert!(learned > 0.7 && learned > started, "{started} to {learned}");
    let (first, last) = told[0].distilled.expect("losses");
    assert!(last < 0.1 * first, "{first} to {last}");
    assert!(told[0].to_string().contains(", divergence "));
}

#[test]
fn what_cannot_start_from_the_router_before_is_refused() {
    let hash = RouterConfig {
        strategy: StrategyConfig::by_default("hash").expect("a strategy"),
        ..linear()
    };
    let unscored = Two::new(&hash);
    let refused = |model: Two, init: &RouterInit, hidden: &[Tensor<2>]| {
        let given = replace_routers(
            model,
            &Replacement::new(linear(), init.clone()),
            &dims(),
            hidden,
        );
        given.err().expect("a refusal").to_string()
    };
    let copy = RouterInit::from(CopyConfig::default());
    assert!(refused(unscored, &copy, &[]).contains("which scores nothing"));
    let model = Two::new(&linear());
    assert_eq!(
        refused(model.clone(), &distil(), &[]),
        "`init = \"distil\"` needs hidden states of each of the 2 mixtures, got 0"
    );
    // What scores nothing starts from nothing, whatever is asked.
    let replaced = replace_routers(model, &Replacement::new(hash, copy), &dims(), &[]);
    assert_eq!(replaced.expect("a table").0.0[0].router().num_params(), 0);
}

#[test]
fn a_shared_gate_stays_unless_its_loss_is_asked_for_and_comes_back_with_the_routers() {
    let device = Device::flex();
    let x_td = normal([TOKENS, WIDTH], 1, &device);
    let model = Two::of(&linear(), |moe| MoeConfig {
        shared: Some(SharedConfig {
            hidden: std::num::NonZeroUsize::new(8).expect("above 0"),
            gate: true,
        }),
        ..moe
    });
    let (_, before) = model.run(x_td.clone());
    let before = before.into_data();
    let copy = Replacement::new(linear(), CopyConfig::default());
    let fresh_gate = Replacement {
        shared_gate: SharedGate::Fresh,
        ..copy.clone()
    };
    let replaced = |with| replace_routers(model.clone(), with, &dims(), &[]).expect("routers");
    let (kept, ..) = replaced(&copy);
    assert_eq!(kept.run(x_td.clone()).1.into_data(), before, "to the bit");
    let (lost, own, told) = replaced(&fresh_gate);
    let said = told[0].to_string();
    assert!(
        said.contains("the gate of the shared expert starts afresh: its 8 numbers are lost"),
        "{said}"
    );
    assert_ne!(lost.run(x_td.clone()).1.into_data(), before);
    assert_eq!(put_back(lost, own).run(x_td).1.into_data(), before);
}

/// A copy of the scorer is not yet a copy of what it did: the gates may be others, and where nothing is
/// scored there is nothing to copy.
#[test]
fn what_changes_beside_the_scorer_is_said() {
    let raw = RouterConfig {
        gate: Some(GateRule::Raw),
        ..linear()
    };
    let said = |with: &Replacement| {
        let (.., told) = replace_routers(Two::new(&raw), with, &dims(), &[]).expect("routers");
        told[0].to_string()
    };
    let copy = |router: &RouterConfig| Replacement::new(router.clone(), CopyConfig::default());
    let same = said(&copy(&raw));
    assert!(
        same.ends_with("gates as before not renormalised (`raw`)"),
        "{same}"
    );
    let other = said(&copy(&linear()));
    assert!(
        other.ends_with(
            "gates not renormalised (`raw`) -> renormalised over the chosen (`renormalised`)"
        ),
        "{other}"
    );
    let hash = RouterConfig {
        strategy: StrategyConfig::by_default("hash").expect("a strategy"),
        ..linear()
    };
    let hash = said(&Replacement {
        shared_gate: SharedGate::Fresh,
        ..copy(&hash)
    });
    for words in [
        "`init = \"copy\"` does nothing: hash scores nothing",
        "there is no gate of a shared expert",
    ] {
        assert!(hash.contains(words), "{hash}");
    }
}
