use std::num::NonZeroUsize;

use burn::module::Param;
use testkit::{F32_EXACT_ORDER, Tolerance, assert_close, assert_same, normal};

use super::*;

#[derive(Module, Debug)]
struct One {
    weight: Param<Tensor<1>>,
}

#[derive(Module, Debug)]
struct Pair {
    used: Param<Tensor<1>>,
    unused: Param<Tensor<2>>,
}

fn config(weight_decay: f64) -> TrainConfig {
    TrainConfig {
        weight_decay,
        steps: NonZeroUsize::MIN,
        ..TrainConfig::default()
    }
}

fn gradient(module: &One, values: &[f32]) -> GradientsParams {
    let mut gradients = GradientsParams::new();
    gradients.register(
        module.weight.id,
        Tensor::<1>::from_data(values, &Device::flex()),
    );
    gradients
}

fn one(values: &[f32]) -> One {
    One {
        weight: Param::from_data(values, &Device::flex().autodiff()),
    }
}

fn assert_weight(module: &One, expected: &[f32]) {
    let expected = Tensor::<1>::from_data(expected, &Device::flex());
    assert_close(
        module.weight.val().without_autodiff(),
        expected,
        F32_EXACT_ORDER,
    );
}

#[test]
fn two_updates_by_hand() {
    // Rate 0.1, decay 0.01, betas 0.9 and 0.999, epsilon 1e-8 against roots near 0.5.
    // t = 1, g = 0.5: the corrected moments are g and g^2, so the update is rate * g / |g| = 0.1:
    //   1 * (1 - 0.001) - 0.1 = 0.899
    // t = 2, g = -0.25: m = 0.9 * 0.05 - 0.025 = 0.02, corrected by 1 - 0.81: 0.105263158
    //   v = 0.999 * 0.00025 + 0.001 * 0.0625 = 0.00031225, by 1 - 0.998001: 0.156203102, root 0.395225376
    //   0.899 * 0.999 - 0.1 * 0.105263158 / 0.395225376 = 0.898101 - 0.026633704 = 0.871467296
    let mut optimiser = AdamW::new(&config(0.01));
    let module = one(&[1.0]);
    let gradients = gradient(&module, &[0.5]);
    let module = optimiser.step(0.1, module, gradients);
    assert_weight(&module, &[0.899]);
    let gradients = gradient(&module, &[-0.25]);
    let module = optimiser.step(0.1, module, gradients);
    assert_weight(&module, &[0.871_467_3]);
}

#[test]
fn epsilon_stands_beside_the_corrected_root() {
    // g = epsilon = 1e-8: rate * g / (g + epsilon) = rate / 2 (and 0.1 * 1e-8 / 3.2e-10 with an
    // epsilon beside the uncorrected root would be three times as large).
    let mut optimiser = AdamW::new(&config(0.0));
    let module = one(&[0.0]);
    let gradients = gradient(&module, &[1e-8]);
    let module = optimiser.step(0.1, module, gradients);
    let expected = Tensor::<1>::from_data([-0.05f32], &Device::flex());
    // 1e-8 squared keeps its digits in f32 (1e-16), the factors round.
    assert_close(
        module.weight.val().without_autodiff(),
        expected,
        Tolerance::new(0.0, 1e-5),
    );
}

#[test]
fn a_rate_of_zero_moves_nothing_and_still_counts() {
    let mut optimiser = AdamW::new(&config(0.01));
    let module = one(&[1.0, -2.0]);
    let gradients = gradient(&module, &[0.5, 0.5]);
    let module = optimiser.step(0.0, module, gradients);
    assert_weight(&module, &[1.0, -2.0]);
    assert_eq!(optimiser.updates[&module.weight.id], 1);
}

#[test]
fn a_parameter_without_a_gradient_is_not_decayed() {
    let device = Device::flex();
    let autodiff = device.clone().autodiff();
    let module = Pair {
        used: Param::from_data([1.0f32], &autodiff),
        unused: Param::from_data([[3.0f32, 4.0]], &autodiff),
    };
    let mut gradients = GradientsParams::new();
    gradients.register(module.used.id, Tensor::<1>::from_data([1.0f32], &device));
    let mut optimiser = AdamW::new(&config(0.5));
    let module = optimiser.step(0.1, module, gradients);
    assert_same(
        module.unused.val().without_autodiff(),
        Tensor::from_data([[3.0f32, 4.0]], &device),
    );
    assert!(!optimiser.updates.contains_key(&module.unused.id));
    // 1 * (1 - 0.05) - 0.1 = 0.85
    let used = Tensor::from_data([0.85f32], &device);
    assert_close(module.used.val().without_autodiff(), used, F32_EXACT_ORDER);
}

#[test]
fn an_updated_parameter_is_a_fresh_leaf_of_the_tape() {
    let mut optimiser = AdamW::new(&config(0.0));
    let module = one(&[2.0]);
    let gradients = gradient(&module, &[1.0]);
    let module = optimiser.step(0.1, module, gradients);
    let weight = module.weight.val();
    assert!(weight.is_require_grad());
    // d(w^2)/dw = 2 * 1.9
    let slope = weight
        .grad(&(weight.clone() * weight.clone()).sum().backward())
        .expect("a leaf");
    assert_close(
        slope,
        Tensor::from_data([3.8f32], &Device::flex()),
        F32_EXACT_ORDER,
    );
}

#[test]
fn saved_moments_continue_to_the_bit() {
    let device = Device::flex();
    let folder = tempfile::tempdir().expect("a folder");
    let start = normal([6], 1, &device);
    let gradients = |module: &Pair, seed| {
        let mut gradients = GradientsParams::new();
        gradients.register(module.used.id, normal::<1>([6], seed, &device));
        gradients
    };
    let build = || Pair {
        used: Param::from_tensor(start.clone().autodiff()),
        unused: Param::from_data([[3.0f32, 4.0]], &device.clone().autodiff()),
    };

    let mut optimiser = AdamW::new(&config(0.01));
    let mut module = build();
    for seed in 2..5 {
        let gradients = gradients(&module, seed);
        module = optimiser.step(0.01, module, gradients);
    }
    let updates = optimiser
        .save(&module, &Changing::All, folder.path())
        .expect("writes");
    assert_eq!(
        updates.into_iter().collect::<Vec<_>>(),
        [("used".to_owned(), 3)]
    );

    // A process that starts again has other parameter ids until it loads the record.
    let record = module.clone().into_record();
    let mut resumed = build().load_record(record);
    let mut second = AdamW::new(&config(0.01));
    let updates = [("used".to_owned(), 3)].into_iter().collect();
    second
        .load(&resumed, &Changing::All, folder.path(), &updates)
        .expect("reads");
    for seed in 5..8 {
        let (a, b) = (gradients(&module, seed), gradients(&resumed, seed));
        module = optimiser.step(0.01, module, a);
        resumed = second.step(0.01, resumed, b);
    }
    assert_same(
        module.used.val().without_autodiff(),
        resumed.used.val().without_autodiff(),
    );
}
