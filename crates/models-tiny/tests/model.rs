//! The decoder: sizes, causality, gradients, learning.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor},
};
use kernels::Precision;
use lm::{CausalLm, DataDims, LmConfig, LmInput, LmShape};
use models_tiny::{TinyMoe, TinyMoeConfig};
use moe_layer::{Capacity, DenseReference, LayerDims, MoeConfig, MoeLayer, NoneConfig};
use registry::{Fraction, Variant};
use routers::{RouterConfig, StrategyConfig};

const DIMS: DataDims = DataDims {
    vocab: 11,
    sequence: 6,
    token_counts: None,
    seed: 0,
};

fn config() -> TinyMoeConfig {
    let size = |n| NonZeroUsize::new(n).expect("a size that is not zero");
    TinyMoeConfig {
        layers: size(2),
        dim: size(8),
        heads: size(2),
        dropout: Fraction::new(0.0),
        ..TinyMoeConfig::default()
    }
}

/// No capacity: with one, a later token can be dropped for an earlier one, never the reverse, but
/// other rows of the batch share the queue.
fn moe() -> MoeConfig {
    MoeConfig {
        experts: NonZeroUsize::new(4).expect("4 is not zero"),
        drop: NoneConfig::default().into(),
        ..MoeConfig::default()
    }
}

fn strategies() -> Vec<StrategyConfig> {
    StrategyConfig::MEMBERS
        .iter()
        .map(|member| StrategyConfig::by_default(member.name).expect("a member"))
        .collect()
}

fn build(strategy: StrategyConfig, device: &Device) -> TinyMoe {
    // Tests run side by side and share the device's numbers: one is seeded and drawn at a time.
    static DRAWING: Mutex<()> = Mutex::new(());
    let _drawing = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(5);
    let router = RouterConfig {
        strategy,
        ..RouterConfig::default()
    };
    let model = config()
        .build(&moe(), &router, &DIMS, device)
        .expect("a model");
    // Touched in order, or the order of use would decide who draws which numbers.
    let _ = model.clone().into_record();
    model
}

fn input(ids: [[i32; 6]; 2], device: &Device) -> LmInput {
    LmInput {
        ids_bs: Tensor::<2, Int>::from_ints(ids, device),
        texts: None,
        noise_seed: 3,
        capacity: Capacity::Training,
        precision: Precision::F32,
    }
}

#[test]
fn sizes_are_known_before_building() {
    for strategy in strategies() {
        let name = strategy.name();
        let router = RouterConfig {
            strategy: strategy.clone(),
            ..RouterConfig::default()
        };
        let sizes = config().sizes(&moe(), &router, &DIMS);
        let model = build(strategy.clone(), &Device::flex().autodiff());
        assert_eq!(testkit::learned_params(&model), sizes.total, "{name}");
        // Per block: attention 9*24 + 9*8 = 288, two norms 32, four experts of 8*32*2+32+8 = 552,
        // linear scorer 8*4 where there is one. Outside: 11*8 tokens, 6*8 positions, norm 16, head
        // 8*11.
        let dims = MoeLayer::router_dims(&moe(), &LayerDims::new(8, DIMS.vocab));
        let scored = usize::from(strategy.rules().facts().needs_scores);
        let routing = 32 * scored + strategy.rules().num_params(&dims);
        assert_eq!(sizes.router, 2 * routing);
        assert_eq!(
            sizes.total,
            2 * (288 + 32 + 4 * 552 + routing) + 88 + 48 + 16 + 88
        );
        // Active experts' parameters are rounded in each layer.
        let rows = strategy.rules().rows_per_token(&dims, DIMS.sequence);
        let experts = (rows * 552.0).round() as usize;
        assert_eq!(
            sizes.active,
            2 * (288 + 32 + experts + routing) + 8 + 8 + 16 + 88
        );
    }
}

#[test]
fn the_past_never_sees_the_future_unless_the_strategy_is_flagged() {
    let device = Device::flex();
    let past = [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 0, 1]];
    let mut future = past;
    future[0][5] = 9;
    future[1][5] = 4;
    for strategy in strategies() {
        let model = build(strategy.clone(), &device);
        let logits = |ids| {
            let [rows, vocab] = [12, DIMS.vocab];
            let all = model.forward(&input(ids, &device)).logits;
            assert_eq!(all.dims(), [rows, vocab]);
            let early = all.reshape([2, 6, vocab]).narrow(1, 0, 5);
            early.into_data().try_to_vec::<f32>().expect("f32")
        };
        if strategy.rules().facts().causal {
            assert_eq!(logits(past), logits(future), "{}", strategy.name());
        }
    }
}

#[test]
fn expert_choice_sees_the_future() {
    // The flag is not idle: among several changed endings one moves an earlier logit.
    let device = Device::flex();
    let model = build(
        StrategyConfig::by_default("expert-choice").expect("a member"),
        &device,
    );
    let ending = |last| {
        let ids = [[1, 2, 3, 4, 5, last], [7, 8, 9, 10, 0, last]];
        let all = model.forward(&input(ids, &device)).logits;
        let early = all.reshape([2, 6, DIMS.vocab]).narrow(1, 0, 5);
        early.into_data().try_to_vec::<f32>().expect("f32")
    };
    let first = ending(0);
    assert!((1..11).any(|last| ending(last) != first));
}

#[test]
fn every_parameter_gets_a_gradient_and_one_step_downhill_helps() {
    let device = Device::flex().autodiff();
    let model = build(
        StrategyConfig::by_default("soft-top-k").expect("a member"),
        &device,
    );
    let ids = [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 0, 1]];
    let targets = Tensor::<1, Int>::from_ints([2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 1, 2], &device);
    let loss = model
        .forward(&input(ids, &device))
        .nll(targets.clone(), None);
    let before = loss.clone().into_scalar::<f32>();
    // Untrained, every id is about as likely: ln 11 = 2.4.
    assert!((before - 11f32.ln()).abs() < 1.0, "{before}");
    let gradients = burn::optim::GradientsParams::from_grads(loss.backward(), &model);
    let count = {
        struct Count(usize);
        impl burn::module::ModuleVisitor for Count {
            fn visit_float<const D: usize>(&mut self, _: &burn::module::Param<Tensor<D>>) {
                self.0 += 1;
            }
        }
        let mut count = Count(0);
        model.visit(&mut count);
        count.0
    };
    assert_eq!(gradients.len(), count, "every parameter takes part");
    let mut optimiser = burn::optim::SgdConfig::new().init();
    let model = optimiser.step(0.05, model, gradients);
    let after = model
        .forward(&input(ids, &device))
        .nll(targets, None)
        .into_scalar::<f32>();
    assert!(after < before, "{before} -> {after}");
}

#[test]
fn heads_must_share_the_width() {
    let odd = TinyMoeConfig {
        heads: NonZeroUsize::new(3).expect("3 is not zero"),
        ..config()
    };
    let error = odd
        .build(&moe(), &RouterConfig::default(), &DIMS, &Device::flex())
        .expect_err("8 is not a multiple of 3");
    assert_eq!(
        error.to_string(),
        "tiny-moe: dim must be a multiple of heads, got dim = 8 with 3 heads"
    );
}

/// The sizes of a model of D 64, 2 layers, E 8, F 256, windows of 64 and 81 ids.
fn small(strategy: &str) -> (TinyMoeConfig, MoeConfig, RouterConfig, DataDims) {
    let size = |n| NonZeroUsize::new(n).expect("a size that is not zero");
    let config = TinyMoeConfig {
        layers: size(2),
        dim: size(64),
        heads: size(4),
        dropout: Fraction::new(0.0),
        ..TinyMoeConfig::default()
    };
    let router = RouterConfig {
        strategy: StrategyConfig::by_default(strategy).expect("a member"),
        ..RouterConfig::default()
    };
    let dims = DataDims {
        vocab: 81,
        sequence: 64,
        ..DIMS
    };
    (config, MoeConfig::default(), router, dims)
}

/// Per block: attention 65 * 192 + 65 * 64 = 16,640, two norms 256, scorer 64 * 8 = 512, and k = 2 or
/// CF k = 2.5 experts of 64 * 256 * 2 + 256 + 64 = 33,088. Outside: a row of tokens and one of places
/// 128, norm 128, head 64 * 81 = 5,184. 2 * (17,408 + 66,176) + 5,440 = 172,608, and 33,088 more.
#[test]
fn active_parameters_are_those_of_the_rows_that_a_token_has() {
    let active = |strategy| {
        let (config, moe, router, dims) = small(strategy);
        config.sizes(&moe, &router, &dims).active
    };
    assert_eq!(active("soft-top-k"), 172_608);
    assert_eq!(active("expert-choice"), 205_696);
    // One slot of each of 8 experts for 64 tokens: an eighth of an expert in each of 2 layers, whose
    // slots have 64 * 8 + 1 parameters where the scorer has 512.
    assert_eq!(active("soft-moe"), 172_608 - 2 * (66_176 - 4_136) + 2);
}

/// Per block: maps of attention 8 * 64^2 = 32,768; its products over (64 + 1) / 2 places on average
/// 2 * 64 * 65 = 8,320; scorer 2 * 64 * 8 = 1,024; 2.5 rows of 4 * 64 * 256 = 65,536 each, 163,840. Head
/// 2 * 64 * 81 = 10,368. 2 * 205,952 + 10,368 = 422,272.
#[test]
fn arithmetic_of_a_token_by_hand() {
    let (config, moe, router, dims) = small("soft-top-k");
    let flops = |moe: &MoeConfig, rows| config.flops_per_token(moe, &router, &dims, rows);
    assert!((flops(&moe, 2.5) - 422_272.0).abs() < 1e-6);
    // A dense reference has no scorer.
    let dense = MoeConfig {
        dense: Some(DenseReference::Active),
        ..moe
    };
    assert!((flops(&dense, 2.5) - (422_272.0 - 2_048.0)).abs() < 1e-6);
}

#[test]
fn a_router_is_named_by_its_path() {
    let router = TinyMoe::router_of;
    let path = "blocks.1.moe.router.scorer.Linear.map.weight";
    assert_eq!(router(path), Some("blocks.1.moe.router"));
    let path = "blocks.12.moe.later_routers.0.scorer.Linear.map.weight";
    assert_eq!(router(path), Some("blocks.12.moe.later_routers"));
    for other in [
        "blocks.1.moe.experts.up.weight",
        "blocks.1.attention.router",
        "head.weight",
    ] {
        assert_eq!(router(other), None);
    }
}
