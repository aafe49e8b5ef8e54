//! Distillation: what is minimised, that it falls, and that one of the teacher's own kind gets close.

use std::num::NonZeroUsize;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use registry::{PositiveF64, Variant};
use routers::{
    DistilConfig, FitConfig, LinearConfig, MlpConfig, RouterConfig, RouterDims, Score, ScoreConfig,
    ScorerConfig, distil, divergence,
};
use testkit::{F32_EXACT_ORDER, F32_SUM, FINITE_DIFFERENCE, assert_close, gradient_check, normal};

const DIMS: RouterDims = RouterDims {
    width: 8,
    experts: 4,
    top_k: 1,
    capacity_factor: 1.0,
    vocab: 1,
    token_counts: None,
    seed: 0,
};

fn config(steps: usize, learning_rate: f64) -> DistilConfig {
    DistilConfig {
        fit: FitConfig {
            steps,
            batch: NonZeroUsize::new(96).expect("not zero"),
            learning_rate: PositiveF64::new(learning_rate),
        },
        ..DistilConfig::default()
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn the_divergence_by_hand() {
    let device = Device::flex();
    let ln3 = 3f32.ln();
    // (3/4, 1/4) beside (1/2, 1/2): 3/4 ln(3/2) + 1/4 ln(1/2).
    let kl = 0.75 * 1.5f32.ln() + 0.25 * 0.5f32.ln();
    for (temperature, scale) in [(1.0, 1.0f32), (2.0, 2.0)] {
        // Two tokens, the second of which agrees: half of it. Logits twice as large over T = 2 are
        // the same, and the factor T² is 4.
        let teacher = Tensor::from_data([[ln3 * scale, 0.0], [1.0, 2.0]], &device);
        let student = Tensor::from_data([[0.0f32, 0.0], [2.0, 3.0]], &device);
        let expected = Tensor::from_data([kl / 2.0 * scale * scale], &device);
        assert_close(divergence(teacher, student, temperature), expected, F32_SUM);
    }
}

#[test]
fn the_divergence_differentiates_as_finite_differences_do() {
    let teacher_te = normal([3, 4], 1, &Device::flex());
    let loss = |student_te: Tensor<2>| divergence(teacher_te.clone(), student_te, 2.0);
    gradient_check(
        loss,
        normal([3, 4], 2, &Device::flex()),
        1e-2,
        FINITE_DIFFERENCE,
    );
}

#[test]
fn every_kind_of_student_learns_from_a_complex_teacher() {
    let device = Device::flex();
    let hidden_td = normal([256, 8], 1, &device);
    let teacher = RouterConfig {
        scorer: MlpConfig::default().into(),
        logit_std: Some(PositiveF64::new(2.0)),
        ..RouterConfig::default()
    }
    .init(&DIMS, &device)
    .expect("sizes that fit");
    let teacher_te = teacher.scorer().expect("a scorer").score(hidden_td.clone());
    for member in ScorerConfig::MEMBERS {
        let name = member.name;
        let student = ScorerConfig::by_default(name)
            .expect("a member of the registry")
            .init(&DIMS, &device);
        let parameters = student.num_params();
        let fitted = distil(
            student,
            teacher_te.clone(),
            hidden_td.clone(),
            &config(60, 1e-2),
        );
        let (first, last) = (mean(&fitted.losses[..6]), mean(&fitted.losses[54..]));
        assert!(last.is_finite() && first > 0.0, "{name}");
        if parameters == 0 {
            // Nothing can learn: the losses of the same batches come back.
            assert_eq!(fitted.losses[..3], fitted.losses[3..6], "{name}");
        } else {
            // Little where logits are bounded: attention's are, at its fixed temperature.
            assert!(last < 0.97 * first, "{name}: {first} to {last}");
        }
        // The student is as it came: without gradients.
        let logits_te = fitted.scorer.score(hidden_td.clone());
        assert!(!logits_te.device().is_autodiff(), "{name}");
    }
}

#[test]
fn a_student_of_the_teachers_own_kind_gets_close() {
    let device = Device::flex();
    let hidden_td = normal([96, 8], 2, &device);
    let linear = || ScorerConfig::from(LinearConfig::default()).init(&DIMS, &device);
    let teacher_te = linear().score(hidden_td.clone());
    let fitted = distil(
        linear(),
        teacher_te.clone(),
        hidden_td.clone(),
        &config(400, 3e-2),
    );
    let last = fitted.losses[399];
    assert!(
        last < 1e-3 * fitted.losses[0],
        "{last} of {}",
        fitted.losses[0]
    );
    let student_te = fitted.scorer.score(hidden_td);
    let best = |logits_te: Tensor<2>| -> Vec<i64> {
        logits_te.argmax(1).into_data().iter::<i64>().collect()
    };
    let (ours, theirs) = (best(student_te), best(teacher_te));
    let same = ours.iter().zip(theirs).filter(|(a, b)| *a == b).count();
    // Only a token that was about to tie may go elsewhere.
    assert!(
        same >= 93,
        "{same} of 96 tokens go where the teacher sends them"
    );
}

#[test]
fn a_distilled_scorer_takes_its_place_in_a_router() {
    let device = Device::flex();
    let hidden_td = normal([96, 8], 3, &device);
    let teacher = RouterConfig::default()
        .init(&DIMS, &device)
        .expect("sizes that fit");
    let teacher_te = teacher.scorer().expect("a scorer").score(hidden_td.clone());
    let student = ScorerConfig::from(MlpConfig::default()).init(&DIMS, &device);
    let fitted = distil(student, teacher_te, hidden_td.clone(), &config(5, 1e-2));
    let expected = fitted.scorer.score(hidden_td.clone());
    let router = teacher.with_scorer(fitted.scorer);
    let found = router.scorer().expect("a scorer").score(hidden_td);
    assert_close(found, expected, F32_EXACT_ORDER);
}
