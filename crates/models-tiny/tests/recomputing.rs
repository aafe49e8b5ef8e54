//! Activation checkpointing changes no number: losses, routing and gradients are those of the whole graph.

use std::num::NonZeroUsize;

use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::{Device, Tensor},
};
use kernels::Precision;
use lm::{DataDims, LanguageModel, LmConfig, TokenBatch};
use models_tiny::{TinyMoe, TinyMoeConfig};
use moe_layer::MoeConfig;
use registry::Fraction;
use routers::RouterConfig;
use rstest::rstest;
use testkit::{Tolerance, assert_close, assert_same};
use trainer::{Learner, Losses, Minimised, Pass};

type Tiny = LanguageModel<TinyMoe>;

fn moe(chain: usize) -> MoeConfig {
    toml::from_str(&format!("experts = 4\nk = 2\nchain = {chain}")).expect("a mixture")
}

fn learner(router: &RouterConfig, chain: usize) -> Tiny {
    let device = Device::flex().autodiff();
    device.seed(3);
    let size = |n| NonZeroUsize::new(n).expect("a size that is not zero");
    let config = TinyMoeConfig {
        layers: size(3),
        dim: size(8),
        heads: size(2),
        dropout: Fraction::new(0.1),
        ..TinyMoeConfig::default()
    };
    let model = config.build(&moe(chain), router, &DataDims::new(9, 6), &device);
    let model = model.expect("a model");
    // Touched, so that every copy has the same numbers.
    let _ = model.clone().into_record();
    LanguageModel::new(model, Precision::F32).with_settings(&moe(chain), router)
}

fn batch() -> TokenBatch {
    TokenBatch {
        inputs: vec![1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 3, 5],
        targets: vec![2, 3, 4, 5, 6, 7, 8, 0, 1, 3, 5, 7],
        counted: Some((0..12).map(|at| at % 5 != 0).collect()),
        texts: None,
        rows: 2,
        length: 6,
    }
}

fn gradients(learner: &Tiny, auxiliary: bool) -> (Losses<lm::LayerTraces>, GradientsParams) {
    let pass = Pass {
        training: true,
        step: 4,
        seed: 11,
    };
    let share = 0.75;
    learner.gradients(&batch(), &pass, &Minimised { share, auxiliary })
}

/// Compares the gradients of every parameter.
struct Same<'a> {
    plain: &'a GradientsParams,
    recomputed: &'a GradientsParams,
    /// To the bit: losses of routers come to a layer in another order.
    exact: bool,
    met: usize,
}

impl ModuleVisitor for Same<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (plain, recomputed) = (
            self.plain.get::<D>(param.id),
            self.recomputed.get::<D>(param.id),
        );
        if let (Some(plain), Some(recomputed)) = (&plain, &recomputed) {
            if self.exact {
                assert_same(recomputed.clone(), plain.clone());
            } else {
                assert_close(
                    recomputed.clone(),
                    plain.clone(),
                    Tolerance::new(2e-6, 1e-5),
                );
            }
            self.met += 1;
        } else {
            assert_eq!(
                plain.is_some(),
                recomputed.is_some(),
                "a gradient too many or too few"
            );
        }
    }
}

#[rstest]
fn every_gradient_is_that_of_the_whole_graph(
    #[values("mean", "sum", "pooled")] over: &str,
    #[values("soft-top-k", "top1", "expert-choice", "noisy-top-k")] strategy: &str,
    #[values(true, false)] auxiliary: bool,
    #[values(1, 2)] chain: usize,
) {
    let router: RouterConfig = toml::from_str(&format!(
        "strategy = {strategy:?}\nbalancers = [{{ switch = {{ alpha = 0.5 }} }}, {{ z-loss = {{}} }}]\n\
         aux-layers = {over:?}"
    ))
    .expect("a router");
    if strategy == "top1" && chain == 2 {
        return;
    }
    let whole = learner(&router, chain);
    let (losses, plain) = gradients(&whole, auxiliary);
    let (again, recomputed) = gradients(&whole.clone().recomputing(true), auxiliary);
    let number = |loss: &Tensor<1>| loss.clone().into_scalar::<f32>();
    assert_eq!(number(&again.lm), number(&losses.lm));
    let names = |losses: &Losses<_>| losses.aux.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    assert_eq!(names(&again), names(&losses));
    for ((_, again), (name, loss)) in again.aux.iter().zip(&losses.aux) {
        let (again, loss) = (number(again), number(loss));
        assert!(
            (again - loss).abs() <= 1e-6 * loss.abs(),
            "{name}: {again}, not {loss}"
        );
    }
    let mut same = Same {
        plain: &plain,
        recomputed: &recomputed,
        exact: !auxiliary,
        met: 0,
    };
    whole.visit(&mut same);
    assert!(same.met > 30, "{} gradients", same.met);
}
