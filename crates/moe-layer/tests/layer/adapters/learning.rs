//! How adapters learn: gradients, dropout, what adapts between steps.

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Gradients, Tensor},
};
use kernels::Precision;
use moe_layer::{
    AdapterBank, AdapterConfig, AdapterForm, BatchRows, BranchGates, MoeLayer, MoeOutput, Networks,
};
use nn::Manner;
use routers::StepLoad;
use rstest::rstest;
use testkit::{
    FINITE_DIFFERENCE, assert_close, assert_same, finite_difference, gradient_check, normal,
};

use super::{SETTINGS, TOKENS, WIDTH, branch, context, dims, plain, random, router, routing, run};

fn weighted_sum(y_td: Tensor<2>) -> Tensor<1> {
    let weights = normal([TOKENS, WIDTH], 3, &y_td.device());
    (y_td * weights).sum()
}

/// Adapters sorted by rows: three rows to each of four.
fn sorted(bank: &AdapterBank, x_md: Tensor<2>) -> Tensor<2> {
    let offsets = Tensor::arange(0..5, &x_md.device()) * 3;
    bank.forward_sorted(x_md, offsets, Precision::F32.into())
}

#[rstest]
fn gradients_are_finite_differences(
    #[values(AdapterForm::Lora, AdapterForm::Parallel)] form: AdapterForm,
    #[values(false, true)] rows_sorted: bool,
) {
    let config = AdapterConfig { form, ..SETTINGS };
    let plain = Device::flex();
    let x_td = normal([TOKENS, WIDTH], 1, &plain);
    let (down, up) = random(&config, 5, &plain).tensors();
    let output = |bank: &AdapterBank, x_td: Tensor<2>| {
        weighted_sum(if rows_sorted {
            sorted(bank, x_td)
        } else {
            bank.forward_summed(x_td, Precision::F32)
        })
    };
    let device = Device::flex().autodiff();
    let of_input = |x_td: Tensor<2>| {
        let bank = random(&config, 5, &x_td.device());
        output(&bank, x_td)
    };
    gradient_check(of_input, x_td.clone(), 1e-2, FINITE_DIFFERENCE);

    let bank = random(&config, 5, &device);
    let gradients = output(&bank, normal([TOKENS, WIDTH], 1, &device)).backward();
    let (of_down, of_up) = bank.tensors();
    let of = |tensor: Tensor<3>| tensor.grad(&gradients).expect("a gradient");
    let at = |down: Tensor<3>, up: Tensor<3>| {
        let bank = AdapterBank::from_tensors(down, up, &config);
        f64::from(output(&bank, x_td.clone()).into_scalar::<f32>())
    };
    let numeric = finite_difference(|down| at(down, up.clone()), down.clone(), 1e-2);
    assert_close(of(of_down), numeric, FINITE_DIFFERENCE);
    let numeric = finite_difference(|up| at(down.clone(), up), up.clone(), 1e-2);
    assert_close(of(of_up), numeric, FINITE_DIFFERENCE);
}

/// The squared norm of the gradient under a path; nothing where no parameter there has one.
fn square_under(layer: &MoeLayer, path: &str, gradients: &Gradients) -> Option<f64> {
    struct Squares<'a> {
        path: Vec<String>,
        under: &'a str,
        gradients: &'a Gradients,
        sum: Option<f64>,
    }

    impl ModuleVisitor for Squares<'_> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_owned());
        }

        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let path = self.path.join(".");
            if let (true, Some(gradient)) = (
                path.starts_with(self.under),
                param.val().grad(self.gradients),
            ) {
                let square = f64::from(gradient.square().sum().into_scalar::<f32>());
                *self.sum.get_or_insert(0.0) += square;
            }
        }
    }

    let mut squares = Squares {
        path: Vec::new(),
        under: path,
        gradients,
        sum: None,
    };
    layer.visit(&mut squares);
    squares.sum
}

const ROUTER: &str = "branch.chooser.router";

fn auxiliary(out: &MoeOutput) -> Tensor<1> {
    let round = out.branch.as_ref().expect("a round");
    round.routing.auxiliary[0].value.clone()
}

/// The router of adapters learns from the language model's loss, and as published from its balancing loss alone.
#[rstest]
fn the_router_of_adapters_learns_unless_as_published(
    #[values(BranchGates::Own, BranchGates::OfBaseAsPublished)] gates: BranchGates,
    #[values("raw", "dense-mixer")] gate: &str,
) {
    let device = Device::flex().autodiff();
    let layer = plain(&device).no_grad();
    let routing = routing(2, router(&format!("gate = '{gate}'")), gates);
    let layer = layer
        .clone()
        .with_branch(Some(branch(&layer, &SETTINGS, Some(&routing))));
    assert_eq!(
        MoeLayer::router_of(&format!("{ROUTER}.scorer")),
        Some(ROUTER)
    );
    assert_eq!(MoeLayer::router_of("branch.adapters.up"), None);
    let x_td = normal([TOKENS, WIDTH], 1, &device);
    let context = context(BatchRows::equal(2, TOKENS / 2), true, &device);
    let out = layer.forward(x_td.clone(), &context);

    let of_output = weighted_sum(out.y_td.clone()).backward();
    let own = square_under(&layer, ROUTER, &of_output);
    match gates {
        BranchGates::Own => assert!(own.is_some_and(|square| square > 0.0), "{own:?}"),
        BranchGates::OfBaseAsPublished => assert_eq!(own, None),
    }
    let adapters = square_under(&layer, "branch.adapters", &of_output);
    assert!(adapters.is_some_and(|square| square > 0.0));
    // Everything else is frozen.
    for path in ["router", "experts", "shared"] {
        assert_eq!(square_under(&layer, path, &of_output), None, "{path}");
    }
    // A graph is walked once.
    let of_balance = auxiliary(&layer.forward(x_td, &context)).backward();
    let own = square_under(&layer, ROUTER, &of_balance);
    assert!(own.is_some_and(|square| square > 0.0), "{own:?}");
}

/// Dropout is a function of the seed of a pass, and each adapter draws for itself.
#[rstest]
fn dropout_follows_from_the_seed(
    #[values(AdapterForm::Lora, AdapterForm::Parallel)] form: AdapterForm,
) {
    let device = Device::flex().autodiff();
    let config = AdapterConfig {
        form,
        dropout: 0.5,
        ..SETTINGS
    };
    let bank = random(&config, 5, &device);
    let x_td = normal([TOKENS, WIDTH], 1, &device);
    let at = |bank: &AdapterBank, seed| {
        let manner = Manner::of_pass(Precision::F32, true, seed);
        bank.forward_summed(x_td.clone(), manner).without_autodiff()
    };
    let differ = |a: Tensor<2>, b: Tensor<2>| !a.equal(b).all().into_scalar::<bool>();
    assert_same(at(&bank, 1), at(&bank, 1));
    assert!(differ(at(&bank, 1), at(&bank, 2)));
    let elsewhere = AdapterConfig { place: 8, ..config };
    assert!(differ(at(&bank, 1), at(&random(&elsewhere, 5, &device), 1)));
    let undropped = bank.forward_summed(x_td.clone(), Precision::F32);
    assert!(differ(at(&bank, 1), undropped.without_autodiff()));

    // Two adapters of the same numbers give different rows, since each drops its own.
    let (down, up) = bank.tensors();
    let twice = |tensor: Tensor<3>| {
        let one = tensor.without_autodiff().narrow(0, 0, 1);
        let both = Tensor::cat(vec![one.clone(), one], 0);
        Tensor::<3>::from_data(both.into_data(), &device)
    };
    let two = AdapterConfig {
        adapters: 2,
        ..config
    };
    let bank = AdapterBank::from_tensors(twice(down), twice(up), &two);
    let manner = Manner::of_pass(Precision::F32, true, 1);
    let y_2td = bank.forward_batched(x_td.clone().unsqueeze_dim::<3>(0), manner);
    let of = |number| {
        let y_td = y_2td.clone().narrow(0, number, 1).squeeze_dim::<2>(0);
        y_td.without_autodiff()
    };
    assert!(differ(of(0), of(1)));
}

/// What is not learned by gradient adapts in the router of adapters, and stays in that of the layer.
#[test]
fn the_layer_beside_adapters_stays() {
    let device = Device::flex();
    let biased = "balancers = [{ bias = { rate = 0.5 } }]";
    let moe = plain(&device).config().clone();
    let layer = MoeLayer::new(&moe, &router(biased), &dims(), &device).expect("a layer");
    let step = |load: [f32; 4]| StepLoad {
        load_e: Tensor::from_floats(load, &device),
        tokens: TOKENS,
    };
    let load = [0.0, 8.0, 8.0, 8.0];
    let bias = |router: &routers::Router| -> Vec<f32> {
        let bias_e = router.bias().expect("a bias");
        bias_e.into_data().iter::<f32>().collect()
    };
    let moved = layer.clone().adapt(&[step(load)]);
    assert_eq!(bias(moved.router()), [0.5, -0.5, -0.5, -0.5]);

    let routing = routing(2, router(biased), BranchGates::Own);
    let beside = layer
        .clone()
        .with_branch(Some(branch(&layer, &SETTINGS, Some(&routing))));
    let beside = beside.adapt(&[step(load), step([8.0, 0.0, 8.0, 8.0])]);
    assert_eq!(bias(beside.router()), [0.0; 4]);
    let own = beside.branch().and_then(moe_layer::Branch::router);
    assert_eq!(bias(own.expect("a router")), [-0.5, 0.5, -0.5, -0.5]);
    let x_td = normal([TOKENS, WIDTH], 1, &device);
    assert!(run(&beside, &x_td).branch.is_some());

    let experts = layer.experts().clone();
    let embedded = experts.with_adapters(Some(random(&SETTINGS, 5, &device)));
    let embedded = layer.with_experts(embedded).adapt(&[step(load)]);
    assert_eq!(bias(embedded.router()), [0.0; 4]);
}
