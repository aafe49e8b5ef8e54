//! The loss over validation text.

use burn::prelude::*;

use crate::interval::numbers;
use crate::seed::evaluation_seed;
use crate::{Data, Evaluation, Learner, Observation, Pass, Run, TrainError};

/// Losses that wait on the device before they are read: bounds the work queued there.
const READ_EVERY: usize = 64;

/// What an evaluation found.
pub(crate) struct Evaluated<O> {
    pub(crate) evaluation: Evaluation,
    pub(crate) observation: O,
    pub(crate) observations: u64,
}

/// Evaluates without dropout and without autodiff; none when there is no validation text.
///
/// The mean is over tokens, so that a last, shorter batch weighs what it holds. Each batch has the
/// same seed in every evaluation: random routers are compared on the same draws.
pub(crate) fn evaluate<L, D>(
    model: &L,
    data: &mut D,
    run: &Run<'_>,
    step: u64,
    device: &Device,
) -> Result<Option<Evaluated<L::Observation>>, TrainError>
where
    L: Learner,
    D: Data<Batch = L::Batch>,
{
    let model = model.valid();
    let (mut sum, mut tokens, mut observations) = (0.0, 0, 0);
    let mut observation: Option<L::Observation> = None;
    let (mut pending, mut weights) = (Vec::new(), Vec::new());
    for batch in data.validation(run.config.eval_windows) {
        let pass = Pass {
            training: false,
            step,
            seed: evaluation_seed(run.seed, observations),
        };
        device.seed(pass.seed);
        let losses = model.losses(&batch, &pass);
        pending.push(losses.lm.without_autodiff());
        weights.push(L::tokens(&batch) as u64);
        observations += 1;
        observation = Some(match observation {
            Some(sum) => sum.add(losses.observation),
            None => losses.observation,
        });
        if pending.len() == READ_EVERY {
            sum += weighted(&mut pending, &weights)?;
            tokens += weights.drain(..).sum::<u64>();
        }
    }
    if !pending.is_empty() {
        sum += weighted(&mut pending, &weights)?;
        tokens += weights.iter().sum::<u64>();
    }
    Ok(observation
        .filter(|_| tokens > 0)
        .map(|observation| Evaluated {
            evaluation: Evaluation {
                step,
                nll: sum / tokens as f64,
                tokens,
            },
            observation,
            observations,
        }))
}

fn weighted(losses: &mut Vec<Tensor<1>>, weights: &[u64]) -> Result<f64, TrainError> {
    let read = numbers(Tensor::cat(std::mem::take(losses), 0))?;
    Ok(read
        .iter()
        .zip(weights)
        .map(|(&loss, &weight)| f64::from(loss) * weight as f64)
        .sum())
}
