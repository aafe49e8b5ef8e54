//! What every scorer owes: the numbers and arithmetic it announces, gradients that are those of
//! finite differences, logits scaled as asked, and a record that brings it back.

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Device, Gradients, Tensor},
};
use registry::{PositiveF64, Variant};
use routers::{
    RouteInput, RouterConfig, RouterDims, Score, ScoreConfig, Scorer, ScorerConfig, Sequences,
};
use rstest::rstest;
use testkit::{F32_SUM, FINITE_DIFFERENCE, assert_close, gradient_check, normal};

const SMALL: RouterDims = RouterDims {
    width: 6,
    experts: 4,
    top_k: 2,
    capacity_factor: 1.0,
    vocab: 1,
    token_counts: None,
    seed: 0,
};

/// The sizes of Optimizing MoE Routers' tables.
const PAPER: RouterDims = RouterDims {
    width: 768,
    experts: 8,
    ..SMALL
};

/// Every scorer with its defaults, and settings that take other paths.
fn scorers() -> Vec<(String, ScorerConfig)> {
    let defaults = ScorerConfig::MEMBERS.iter().map(|member| {
        let config = ScorerConfig::by_default(member.name).expect("a member of the registry");
        (member.name.to_owned(), config)
    });
    let others = [
        "linear = { bias = true }",
        "attention = { normalise = false }",
        "attention = { learn-temperature = true, temperature = 0.2 }",
        "mlp = { hidden = 5, activation = 'silu', input-norm = false }",
        "hybrid = { mix = 'logit', weights = 'fixed' }",
        "mlp-hadamard = { variant = 'identity', hidden = 6, input-norm = false }",
        "mlp-hadamard = { variant = 'walsh-hadamard', hidden = 8, normalised = true }",
        "hadamard = { normalised = true }",
        "cosine = { learn-temperature = false, dim = 3 }",
        "self-supervised = { hidden = 5, features = 3, activation = 'silu' }",
    ];
    defaults
        .chain(others.map(|text| (text.to_owned(), read(text))))
        .collect()
}

/// Says which scorer a failed comparison is about.
#[expect(
    clippy::print_stdout,
    reason = "shown only where the test fails, and comparisons know no names"
)]
fn about(name: &str) {
    println!("{name}");
}

/// A scorer written as in a sweep file.
fn read(text: &str) -> ScorerConfig {
    let router: RouterConfig = toml::from_str(&format!("scorer = {{ {text} }}"))
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    router.scorer
}

/// Fills parameters with normal numbers that follow from their place, whatever other tests draw.
struct Fill(u64);

impl ModuleMapper for Fill {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.0 += 1;
        let seed = self.0;
        param.map(|value| {
            let (shape, device) = (value.dims(), value.device());
            let filled = normal(shape, seed, &device) * 0.5;
            if device.is_autodiff() {
                filled.require_grad()
            } else {
                filled
            }
        })
    }
}

fn filled(config: &ScorerConfig, device: &Device) -> Scorer {
    config.init(&SMALL, device).map(&mut Fill(10))
}

/// A number of size one that every logit has its own weight in.
fn weighted(scorer: &Scorer, x_td: Tensor<2>, gain: f64) -> Tensor<1> {
    let logits_te = scorer.score(x_td);
    let weights = normal(logits_te.dims(), 3, &logits_te.device());
    (logits_te * weights).sum() * gain
}

/// What makes the logits of a scorer deviate by 1: those of a fresh attention scorer are small.
fn gain(scorer: &Scorer) -> f64 {
    let logits_te = scorer.valid().score(normal([64, 6], 5, &Device::flex()));
    let centred_te = logits_te.clone() - logits_te.mean_dim(1);
    let std = centred_te.square().mean().sqrt().into_scalar::<f32>();
    f64::from(std).recip()
}

#[rstest]
#[case("linear = {}", 6_144)]
#[case("linear = { bias = true }", 6_152)]
#[case("attention = {}", 49_664)]
#[case("attention = { learn-temperature = true }", 49_665)]
#[case("mlp = {}", 101_000)]
#[case("mlp = { input-norm = false }", 99_464)]
#[case("hybrid = {}", 55_810)]
#[case("hybrid = { weights = 'fixed' }", 55_808)]
#[case("mlp-hadamard = {}", 199_304)]
#[case("mlp-hadamard = { variant = 'walsh-hadamard' }", 101_000)]
#[case(
    "mlp-hadamard = { variant = 'identity', hidden = 768, input-norm = false }",
    596_744
)]
#[case("hadamard = {}", 0)]
#[case("cosine = {}", 768 * 4 + 8 * 4 + 1)]
#[case("self-supervised = {}", 768 * 128 + 128 + 128 * 64 + 64 + 64 * 8)]
fn as_many_numbers_as_the_paper_prints_or_as_by_hand(#[case] text: &str, #[case] expected: usize) {
    let config = read(text);
    assert_eq!(config.rules().num_params(&PAPER), expected);
    assert_eq!(config.init(&PAPER, &Device::flex()).num_params(), expected);
}

#[rstest]
// A product takes two operations for each weight.
#[case("linear = {}", 2 * 6_144)]
// Those of the product, 64 values made a direction in 3 each, 8 products of 64, 8 divisions.
#[case("attention = {}", 2 * 49_152 + 3 * 64 + 2 * 8 * 64 + 8)]
// Seven on each input, products, biases, activations, products, biases.
#[case("mlp = {}", 7 * 768 + 2 * 98_304 + 128 + 128 + 2 * 1_024 + 8)]
// Both, and 18 on each logit.
#[case("hybrid = {}", 2 * 6_144 + 2 * 49_152 + 3 * 64 + 2 * 8 * 64 + 8 + 18 * 8)]
fn as_much_arithmetic_as_by_hand(#[case] text: &str, #[case] expected: usize) {
    assert_eq!(read(text).rules().flops(&PAPER), expected);
}

#[test]
fn numbers_are_known_before_anything_is_built() {
    for (name, config) in scorers() {
        let built = config.init(&SMALL, &Device::flex());
        assert_eq!(
            built.num_params(),
            config.rules().num_params(&SMALL),
            "{name}"
        );
        assert!(config.rules().flops(&SMALL) > 0, "{name}");
    }
}

#[test]
fn logits_differentiate_in_the_hidden_states() {
    for (name, config) in scorers() {
        // Plain tensors differentiate nothing: the parameters are constants either way.
        let scorer = filled(&config, &Device::flex());
        let x_td = normal([3, 6], 4, &Device::flex());
        about(&name);
        let gain = gain(&scorer);
        let gradient = gradient_check(
            |x_td| weighted(&scorer, x_td, gain),
            x_td,
            1e-2,
            FINITE_DIFFERENCE,
        );
        let size = gradient.abs().sum().into_scalar::<f32>();
        assert!(size > 0.1, "{name}: a gradient of {size} shows nothing");
    }
}

/// Moves the parameter at a place along a fixed direction.
struct Move {
    place: usize,
    by: f64,
    next: usize,
}

impl ModuleMapper for Move {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let place = self.next;
        self.next += 1;
        if place != self.place {
            return param;
        }
        let by = self.by;
        param.map(|value| {
            let along = direction(&value, place);
            value + along * by
        })
    }
}

/// A direction of length 1 for the parameter at a place.
fn direction<const D: usize>(value: &Tensor<D>, place: usize) -> Tensor<D> {
    let along = normal(value.dims(), 50 + place as u64, &value.device());
    let length = along.clone().square().sum().sqrt().into_scalar::<f32>();
    along / length
}

/// Slopes along each parameter's direction, from gradients.
struct Slopes<'a>(&'a Gradients, Vec<f64>);

impl ModuleVisitor for Slopes<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param.val().grad(self.0);
        let along = direction(&param.val().without_autodiff(), self.1.len());
        let slope = gradient.map_or(0.0, |gradient| {
            (gradient * along).sum().into_scalar::<f32>()
        });
        self.1.push(f64::from(slope));
    }
}

#[test]
fn logits_differentiate_in_every_parameter() {
    const STEP: f64 = 1e-2;
    for (name, config) in scorers() {
        let device = Device::flex().autodiff();
        let scorer = filled(&config, &device);
        let gain = gain(&scorer);
        let loss = weighted(&scorer, normal([3, 6], 4, &device), gain);
        let gradients = if loss.is_tracked() {
            loss.backward()
        } else {
            assert_eq!(scorer.num_params(), 0, "{name}");
            continue;
        };
        let mut slopes = Slopes(&gradients, Vec::new());
        scorer.visit(&mut slopes);

        let plain = scorer.valid();
        let x_td = normal([3, 6], 4, &Device::flex());
        let at = |place, by| {
            let moved = plain.clone().map(&mut Move { place, by, next: 0 });
            f64::from(weighted(&moved, x_td.clone(), gain).into_scalar::<f32>())
        };
        let numeric: Vec<f64> = (0..slopes.1.len())
            .map(|place| (at(place, STEP) - at(place, -STEP)) / (2.0 * STEP))
            .collect();
        let shape = [numeric.len()];
        let wrong = testkit::difference(&slopes.1, &numeric, &shape, FINITE_DIFFERENCE);
        assert_eq!(wrong, None, "{name}: {:?} and {numeric:?}", slopes.1);
        assert!(numeric.iter().any(|slope| slope.abs() > 0.01), "{name}");
    }
}

#[test]
fn logits_grow_by_just_the_factor() {
    for device in [Device::flex(), Device::flex().autodiff()] {
        for (name, config) in scorers() {
            about(&name);
            let scorer = filled(&config, &device);
            let x_td = normal([5, 6], 4, &device);
            let before_te = scorer.score(x_td.clone());
            let after_te = scorer.scaled(2.5).score(x_td);
            assert_close(after_te, before_te * 2.5, F32_SUM);
        }
    }
}

#[test]
fn a_record_brings_back_the_logits_and_their_scale() {
    let device = Device::flex();
    for (name, scorer) in scorers() {
        about(&name);
        let config = RouterConfig {
            scorer,
            logit_std: Some(PositiveF64::new(3.0)),
            ..RouterConfig::default()
        };
        let build = || config.init(&SMALL, &device).expect("sizes that fit");
        let input = RouteInput {
            x_td: normal([5, 6], 4, &device),
            token_ids_t: Tensor::zeros([5], &device),
            sequences: Sequences::equal(1, 5),
            noise_seed: 0,
            training: false,
        };
        let logits = |router: &routers::Router| {
            let scores = router.route(&input).scores.expect("scores");
            scores.logits_te
        };
        let (first, other) = (build(), build());
        let wanted = logits(&first);
        let loaded = other.load_record(first.into_record());
        testkit::assert_same(logits(&loaded), wanted);
    }
}
