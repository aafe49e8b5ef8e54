//! The gate rule `dense-mixer` under capacity.

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Device, Gradients, Tensor},
};
use kernels::Precision;
use moe_layer::{
    BatchRows, Capacity, DispatcherConfig, DropPolicyConfig, ExpertBank, LayerDims, MoeContext,
    MoeLayer,
};
use nn::GroupedLinear;
use routers::RouterConfig;
use testkit::{F32_SUM, assert_close};

use crate::common::config;

/// The scorer's weights; nothing else in the layer has this shape.
const SCORER: [usize; 2] = [3, 2];

/// Sets the scorer's weights.
struct Weights;

impl ModuleMapper for Weights {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if param.val().dims().as_slice() != SCORER {
            return param;
        }
        let rows = [[0.7f32.ln(), 0.3f32.ln()]; 3];
        param.map(|old| {
            let set = Tensor::<2>::from_data(rows, &old.device());
            set.reshape(old.dims()).require_grad()
        })
    }
}

/// E = 2, k = 1, C = ceil(1.0 * 2 * 1 / 2) = 1. Both tokens have p = (.7, .3) and choose expert 0; the
/// second is dropped. Experts give y = (1, 0) whatever they read, and the loss is the sum of outputs:
/// dL/dz_0 = p_0 (y_0 - (p_0 y_0 + p_1 y_1)) = .7 * (1 - .7) = .21 and dL/dz_1 = -.21, for the token
/// that is dropped as for the one that is kept, with and without renormalisation.
#[test]
fn a_dropped_choice_keeps_its_dense_gradient() {
    for renormalise in [true, false] {
        let device = Device::flex().autodiff();
        let mut moe = config(
            2,
            1,
            1.0,
            DropPolicyConfig::default(),
            DispatcherConfig::default(),
        );
        moe.renormalise = renormalise;
        let text = "strategy = 'top1'\ngate = 'dense-mixer'\nbalancers = []";
        let router: RouterConfig = toml::from_str(text).expect("a router");
        let layer = MoeLayer::new(&moe, &router, &LayerDims::new(3, 0), &device).expect("a layer");
        let nothing = |shape| Tensor::<3>::zeros(shape, &device);
        // Only the first of three outputs, so that the sum of a token's outputs is y.
        let first = Tensor::<2>::from_data([[1.0, 0.0, 0.0], [0.0; 3]], &device);
        let none = Tensor::zeros([2, 4], &device);
        let bank = ExpertBank::mlp(
            GroupedLinear::from_tensors(nothing([2, 3, 4]), Some(none)),
            GroupedLinear::from_tensors(nothing([2, 4, 3]), Some(first)),
        );
        let layer = layer.with_experts(bank).map(&mut Weights);
        // One row of weights for each token, so that its gradient is the token's own.
        let x_td = Tensor::<2>::eye(3, &device).narrow(0, 0, 2);
        let context = |training| MoeContext {
            token_ids_t: Tensor::zeros([2], &device),
            rows: BatchRows::equal(1, 2),
            noise_seed: 0,
            training,
            capacity: Capacity::Training,
            precision: Precision::F32,
        };
        let out = layer.forward(x_td.clone(), &context(true));
        let expected = Tensor::from_data([[0.7, 0.0, 0.0], [0.0; 3]], &device);
        assert_close(out.y_td.clone(), expected, F32_SUM);
        let gradients = out.y_td.sum().backward();
        let gradient = gradient_of_scorer(&layer, &gradients);
        let expected = [[0.21, -0.21], [0.21, -0.21], [0.0; 2]];
        let expected = Tensor::<2>::from_data(expected, &gradient.device());
        assert_close(gradient, expected, F32_SUM);

        let outside = layer.route(&x_td, &context(false));
        assert!(outside.ghost_te.is_none(), "no ghost in evaluation");
        assert!(layer.route(&x_td, &context(true)).ghost_te.is_some());
    }
}

fn gradient_of_scorer(layer: &MoeLayer, gradients: &Gradients) -> Tensor<2> {
    struct Find<'a>(&'a Gradients, Option<Tensor<2>>);
    impl ModuleVisitor for Find<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let value = param.val();
            if value.dims().as_slice() == SCORER {
                self.1 = value.grad(self.0).map(|gradient| gradient.reshape(SCORER));
            }
        }
    }
    let mut find = Find(gradients, None);
    layer.visit(&mut find);
    find.1.expect("a gradient")
}
