//! Fitting a scorer on its own, outside a model: the loop behind distillation and pre-training.

use std::num::NonZeroUsize;

use burn::{
    module::Module,
    optim::{AdamConfig, GradientsParams},
    tensor::Tensor,
};
use registry::PositiveF64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a scorer is fitted to hidden states: Adam at a constant rate, over the rows in their order and
/// again from the first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct FitConfig {
    /// Steps.
    pub steps: usize,
    /// Tokens of a step; all of them where there are fewer.
    pub batch: NonZeroUsize,
    /// Learning rate.
    pub learning_rate: PositiveF64,
}

impl Default for FitConfig {
    fn default() -> Self {
        Self {
            steps: 500,
            batch: NonZeroUsize::new(1024).expect("not zero"),
            learning_rate: PositiveF64::new(1e-3),
        }
    }
}

/// A fitted scorer and how it went.
#[derive(Debug, Clone)]
pub struct Fitted<S> {
    /// The scorer, on the kind of device that it came on.
    pub scorer: S,
    /// The loss of each step, before its update.
    pub losses: Vec<f64>,
}

/// Minimises `loss` of a module, a batch of each of the tensors `[T, _]`, and the step.
///
/// # Panics
///
/// On tensors without rows, or of different numbers of rows.
pub(crate) fn fit<M: Module, const N: usize>(
    module: M,
    rows: [Tensor<2>; N],
    config: &FitConfig,
    loss: impl Fn(&M, [Tensor<2>; N], u64) -> Tensor<1>,
) -> Fitted<M> {
    let tokens = rows[0].dims()[0];
    assert!(tokens > 0, "fitting a scorer needs hidden states, got none");
    assert!(
        rows.iter().all(|rows| rows.dims()[0] == tokens),
        "fitting a scorer needs as many targets as hidden states"
    );
    let batch = config.batch.get().min(tokens);
    let plain = !module
        .devices()
        .iter()
        .any(burn::tensor::Device::is_autodiff);
    let mut module = if plain { module.train() } else { module };
    let mut adam = AdamConfig::new().with_epsilon(1e-8).init();
    let mut losses = Vec::with_capacity(config.steps);
    for step in 0..config.steps {
        // The last batch of a pass reaches back rather than being short.
        let first = (step % tokens.div_ceil(batch) * batch).min(tokens - batch);
        let given = rows
            .clone()
            .map(|rows| rows.narrow(0, first, batch).detach().autodiff());
        let value = loss(&module, given, step as u64);
        losses.push(f64::from(value.clone().into_scalar::<f32>()));
        // A scorer without parameters has nothing to learn.
        if !value.is_tracked() {
            continue;
        }
        let gradients = GradientsParams::from_grads(value.backward(), &module);
        module = adam.step(config.learning_rate.get(), module, gradients);
    }
    Fitted {
        scorer: if plain { module.valid() } else { module },
        losses,
    }
}
