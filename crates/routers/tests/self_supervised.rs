//! The self-supervised scorer: who is trained by what, and that pre-training tells tokens apart.

use std::num::NonZeroUsize;

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Gradients, Tensor},
};
use registry::{NonNegativeF64, PositiveF64, Probability};
use routers::{
    ExtractorTraining, FitConfig, RouteInput, RouterConfig, RouterDims, RouterError, Score,
    ScoreConfig, SelfSupervisedConfig, SelfSupervisedScorer, Sequences,
};
use testkit::{F32_SUM, FINITE_DIFFERENCE, assert_close, gradient_check, normal};

const DIMS: RouterDims = RouterDims {
    width: 8,
    experts: 4,
    top_k: 1,
    capacity_factor: 1.0,
    vocab: 1,
    token_counts: None,
    seed: 0,
};

fn config(training: ExtractorTraining) -> SelfSupervisedConfig {
    let size = |size| NonZeroUsize::new(size).expect("not zero");
    SelfSupervisedConfig {
        training,
        hidden: size(16),
        features: size(6),
        sample: size(32),
        ..SelfSupervisedConfig::default()
    }
}

fn input(x_td: Tensor<2>, noise_seed: u64) -> RouteInput {
    RouteInput {
        token_ids_t: Tensor::zeros([x_td.dims()[0]], &x_td.device()),
        sequences: Sequences::equal(1, x_td.dims()[0]),
        x_td,
        noise_seed,
        training: true,
    }
}

/// The sizes of the gradients of the extractor's four tensors and of the map to experts.
fn sizes(scorer: &SelfSupervisedScorer, gradients: &Gradients) -> Vec<f32> {
    struct Sizes<'a>(&'a Gradients, Vec<f32>);

    impl ModuleVisitor for Sizes<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = param.val().grad(self.0);
            let size = gradient.map_or(0.0, |gradient| gradient.abs().sum().into_scalar());
            self.1.push(size);
        }
    }

    let mut sizes = Sizes(gradients, Vec::new());
    scorer.visit(&mut sizes);
    sizes.1
}

#[test]
fn the_task_trains_the_extractor_only_where_it_is_asked_to() {
    let device = Device::flex().autodiff();
    for training in [ExtractorTraining::Joint, ExtractorTraining::Apart] {
        let scorer = config(training).init(&DIMS, &device);
        let x_td = normal([5, 8], 1, &device).require_grad();
        let gradients = scorer.score(x_td.clone()).square().sum().backward();
        let sizes = sizes(&scorer, &gradients);
        let joint = training == ExtractorTraining::Joint;
        assert_eq!(sizes.len(), 5);
        assert!(
            sizes[..4].iter().all(|&size| (size > 0.0) == joint),
            "{sizes:?}"
        );
        assert!(sizes[4] > 0.0, "{sizes:?}");
        let of_x = x_td.grad(&gradients).expect("a gradient");
        assert!(of_x.abs().sum().into_scalar::<f32>() > 0.0);
    }
}

#[test]
fn logits_of_a_scorer_apart_differentiate_in_the_hidden_states() {
    let scorer = config(ExtractorTraining::Apart).init(&DIMS, &Device::flex());
    let loss = |x_td: Tensor<2>| (scorer.score(x_td).square() * 20.0).sum();
    gradient_check(
        loss,
        normal([3, 8], 1, &Device::flex()),
        1e-2,
        FINITE_DIFFERENCE,
    );
}

#[test]
fn the_contrastive_loss_trains_the_extractor_and_nothing_else() {
    let device = Device::flex().autodiff();
    for training in [ExtractorTraining::Joint, ExtractorTraining::Apart] {
        let config = RouterConfig {
            scorer: config(training).into(),
            ..RouterConfig::default()
        };
        let router = config.init(&DIMS, &device).expect("sizes that fit");
        let routers::Scorer::SelfSupervised(scorer) = router.scorer().expect("a scorer") else {
            panic!("another scorer");
        };
        let x_td = normal([50, 8], 1, &device).require_grad();
        let routing = router.route(&input(x_td.clone(), 3));
        let names: Vec<_> = routing.auxiliary.iter().map(|loss| loss.name).collect();
        assert_eq!(names, ["switch", "info-nce"]);
        let gradients = routing.auxiliary[1].value.clone().backward();
        let sizes = sizes(scorer, &gradients);
        assert!(sizes[..4].iter().all(|&size| size > 0.0), "{sizes:?}");
        assert_eq!(sizes[4], 0.0);
        let of_x = x_td.grad(&gradients);
        assert!(of_x.is_none_or(|x| x.abs().sum().into_scalar::<f32>() == 0.0));
    }
}

#[test]
fn the_loss_is_weighted_follows_from_the_seed_and_is_of_training_alone() {
    let device = Device::flex();
    let x_td = normal([50, 8], 1, &device);
    let with = |alpha| SelfSupervisedConfig {
        alpha: NonNegativeF64::new(alpha),
        ..config(ExtractorTraining::Joint)
    };
    let scorer = with(0.25).init(&DIMS, &device);
    let loss = |seed| scorer.losses(&input(x_td.clone(), seed))[0].value.clone();
    let unweighted = scorer.contrastive_loss(x_td.clone(), 3);
    assert_close(loss(3), unweighted * 0.25, F32_SUM);
    assert_close(loss(3), loss(3), F32_SUM);
    let moved = (loss(3) - loss(4)).abs().into_scalar::<f32>();
    assert!(moved > 0.0, "another seed draws other views");
    assert!(
        with(0.0)
            .init(&DIMS, &device)
            .losses(&input(x_td.clone(), 3))
            .is_empty()
    );

    let config = RouterConfig {
        scorer: with(0.25).into(),
        balancers: Vec::new(),
        ..RouterConfig::default()
    };
    let router = config.init(&DIMS, &device).expect("sizes that fit");
    let evaluated = RouteInput {
        training: false,
        ..input(x_td, 3)
    };
    assert!(router.route(&evaluated).auxiliary.is_empty());
}

#[test]
fn without_dropout_both_views_are_one() {
    // Each token's views agree: the loss is below that of a guess among 32, and the same for all seeds.
    let device = Device::flex();
    let config = SelfSupervisedConfig {
        dropout: Probability::new(0.0),
        ..config(ExtractorTraining::Joint)
    };
    let scorer = config.init(&DIMS, &device);
    let loss = |seed| scorer.contrastive_loss(normal([32, 8], 1, &device), seed);
    assert_close(loss(1), loss(2), F32_SUM);
    assert!(loss(1).into_scalar::<f32>() < 32f32.ln());
}

#[test]
fn pre_training_tells_tokens_apart() {
    let device = Device::flex();
    let hidden_td = normal([64, 8], 1, &device);
    let scorer = config(ExtractorTraining::Apart).init(&DIMS, &device);
    let fit = FitConfig {
        steps: 80,
        batch: NonZeroUsize::new(32).expect("not zero"),
        learning_rate: PositiveF64::new(1e-2),
    };
    let fitted = scorer.pretrain(hidden_td.clone(), &fit, 5);
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let (first, last) = (mean(&fitted.losses[..8]), mean(&fitted.losses[72..]));
    assert!(last < 0.8 * first, "{first} to {last}");
    // The views of evaluation are drawn anew.
    let after = fitted.scorer.contrastive_loss(hidden_td, 1 << 40);
    assert!(f64::from(after.into_scalar::<f32>()) < first);
}

#[test]
fn dropping_everything_is_refused() {
    let config = RouterConfig {
        scorer: SelfSupervisedConfig {
            dropout: Probability::new(1.0),
            ..config(ExtractorTraining::Joint)
        }
        .into(),
        ..RouterConfig::default()
    };
    let error = config.check(&DIMS).expect_err("no value would be left");
    assert!(matches!(
        error,
        RouterError::Setting {
            what: "self-supervised",
            ..
        }
    ));
    assert_eq!(
        error.to_string(),
        "self-supervised: dropout must be below 1, which would drop every value, got 1"
    );
}
