//! Every strategy with every balancer: refused with a reason, or losses and gradients are numbers.

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Gradients, Tensor},
};
use registry::Variant;
use routers::{BalancerConfig, RouteInput, RouterConfig, RouterError, StrategyConfig};
use testkit::normal;

use crate::{batch, dims, number};

fn members<V: Variant>() -> Vec<V> {
    let default = |name| V::by_default(name).expect("a member");
    V::MEMBERS
        .iter()
        .map(|member| default(member.name))
        .collect()
}

/// Whether the gradients of learned parameters are numbers.
struct Finite<'a>(&'a Gradients);

impl ModuleVisitor for Finite<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.0) {
            assert!(number(gradient.abs().sum()).is_finite());
        }
    }
}

#[test]
fn losses_and_their_gradients_are_numbers_even_where_nobody_is_chosen() {
    let device = Device::flex().autodiff();
    for strategy in members::<StrategyConfig>() {
        for balancer in members::<BalancerConfig>() {
            let name = format!("{} with {}", strategy.name(), balancer.name());
            let config = RouterConfig {
                strategy: strategy.clone(),
                balancers: vec![balancer],
                ..RouterConfig::default()
            };
            let router = match config.init(&dims(4, 2), &device) {
                Ok(router) => router,
                Err(RouterError::Switch { why, .. }) => {
                    assert!(why.len() > 20, "{name}: {why}");
                    continue;
                }
                Err(other) => panic!("{name}: {other}"),
            };
            // Hidden states of zero: logits of zero, of which ReLU chooses none.
            for x_td in [normal([12, 2], 8, &device), Tensor::zeros([12, 2], &device)] {
                let input = RouteInput {
                    x_td,
                    ..batch(12, 2, &device)
                };
                let mut total = Tensor::<1>::zeros([1], &device);
                for loss in router.route(&input).auxiliary {
                    let value = number(loss.value.clone());
                    assert!(value.is_finite(), "{name}: {} is {value}", loss.name);
                    total = total + loss.value;
                }
                if total.is_tracked() {
                    router.visit(&mut Finite(&total.backward()));
                }
                let outside = RouteInput {
                    training: false,
                    ..input
                };
                let losses = router.route(&outside).auxiliary;
                assert!(
                    losses
                        .iter()
                        .all(|loss| !["load", "relu-l1"].contains(&loss.name)),
                    "{name}: a strategy's own loss is for training"
                );
            }
        }
    }
}
