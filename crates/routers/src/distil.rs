//! Distillation: a simple scorer learns what a complex one has learned.
//!
//! P proposes it as future work: train with a costly router, serve with a cheap one. The teacher's
//! logits on hidden states that the model really makes are all that is needed.
//!
//! ```
//! use burn::tensor::{Device, Distribution, Tensor};
//! use routers::{DistilConfig, LinearConfig, MlpConfig, RouterDims, Score, ScoreConfig, distil};
//!
//! let device = Device::flex();
//! let dims = RouterDims {
//!     width: 16,
//!     experts: 4,
//!     top_k: 2,
//!     capacity_factor: 1.0,
//!     vocab: 1,
//!     token_counts: None,
//!     seed: 0,
//! };
//! let hidden_td = Tensor::random([64, 16], Distribution::Normal(0.0, 1.0), &device);
//! let teacher_te = MlpConfig::default().init(&dims, &device).score(hidden_td.clone());
//! let student = LinearConfig::default().init(&dims, &device);
//! let fitted = distil(student, teacher_te, hidden_td, &DistilConfig::default());
//! assert!(fitted.losses.last() < fitted.losses.first());
//! ```

use burn::{
    module::Module,
    tensor::{Tensor, activation::log_softmax},
};
use registry::PositiveF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FitConfig, Fitted, Score, fit::fit};

/// How a student learns from a teacher.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct DistilConfig {
    /// T that both logits are divided by: above 1, experts that the teacher does not choose count
    /// for more.
    pub temperature: PositiveF64,
    /// Steps and rate.
    pub fit: FitConfig,
}

impl Default for DistilConfig {
    fn default() -> Self {
        Self {
            temperature: PositiveF64::new(1.0),
            fit: FitConfig::default(),
        }
    }
}

/// Trains a student, a scorer of any kind, to give a teacher's probabilities on hidden states.
///
/// # Shapes
///
/// `teacher_te` `[T, E]`, the teacher's logits, `hidden_td` `[T, D]`.
///
/// # Gradients
///
/// Into the student's parameters alone, from [`divergence`].
///
/// # Panics
///
/// Without hidden states, with another number of logits, or of other widths than the student's.
#[must_use]
pub fn distil<S: Module + Score>(
    student: S,
    teacher_te: Tensor<2>,
    hidden_td: Tensor<2>,
    config: &DistilConfig,
) -> Fitted<S> {
    let temperature = config.temperature.get();
    let rows = [teacher_te, hidden_td];
    fit(student, rows, &config.fit, |student, rows, _| {
        let [teacher_te, hidden_td] = rows;
        divergence(teacher_te, student.score(hidden_td), temperature)
    })
}

/// `T² mean_t KL(softmax(teacher / T) || softmax(student / T))`; the factor keeps gradients of one
/// size at every temperature (Hinton et al. 2015).
///
/// # Shapes
///
/// Both `[T, E]`, to `[1]`.
///
/// # Gradients
///
/// Into both.
#[must_use]
pub fn divergence(teacher_te: Tensor<2>, student_te: Tensor<2>, temperature: f64) -> Tensor<1> {
    let [tokens, _] = teacher_te.dims();
    let teacher_te = log_softmax(teacher_te / temperature, 1);
    let student_te = log_softmax(student_te / temperature, 1);
    let terms_te = teacher_te.clone().exp() * (teacher_te - student_te);
    terms_te.sum() * (temperature * temperature / tokens as f64)
}
