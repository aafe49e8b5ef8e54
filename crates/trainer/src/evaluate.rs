//! The loss over validation text.

use burn::prelude::*;

use crate::interval::numbers;
use crate::seed::evaluation_seed;
use crate::{Data, Evaluation, Learner, Measure, Observation, Pass, Run, TrainError};

/// Losses that wait on the device before they are read: bounds the work queued there.
const READ_EVERY: usize = 64;

/// What an evaluation found.
pub(crate) struct Evaluated<O> {
    pub(crate) evaluation: Evaluation,
    pub(crate) measures: Vec<Measure>,
    pub(crate) observation: O,
    pub(crate) observations: u64,
}

/// Evaluates without dropout and without autodiff; none when there is no validation text.
///
/// The mean is over counted tokens, so that a last, shorter batch weighs what it holds. Each batch has the
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
    let mut sums = Sums::default();
    let mut observations = 0;
    let mut observation: Option<L::Observation> = None;
    for batch in data.validation(run.config.eval_windows) {
        let pass = Pass {
            training: false,
            step,
            seed: evaluation_seed(run.seed, observations),
        };
        device.seed(pass.seed);
        let losses = model.losses(&batch, &pass);
        observations += 1;
        observation = Some(match observation {
            Some(sum) => sum.add(losses.observation),
            None => losses.observation,
        });
        sums.add(L::counted(&batch) as u64, losses.lm, losses.measures)?;
    }
    let (tokens, nll, measures) = sums.means()?;
    Ok(observation
        .filter(|_| tokens > 0)
        .map(|observation| Evaluated {
            evaluation: Evaluation { step, nll, tokens },
            measures,
            observation,
            observations,
        }))
}

/// Sums over tokens of the loss and the further measures.
#[derive(Default)]
struct Sums {
    names: Vec<&'static str>,
    totals: Vec<f64>,
    tokens: u64,
    /// Means of batches `[1 + measures]` with their weights, still on the device.
    pending: Vec<Tensor<1>>,
    weights: Vec<u64>,
}

impl Sums {
    fn add(
        &mut self,
        tokens: u64,
        lm: Tensor<1>,
        measures: Vec<(&'static str, Tensor<1>)>,
    ) -> Result<(), TrainError> {
        let names: Vec<_> = measures.iter().map(|(name, _)| *name).collect();
        if self.weights.is_empty() && self.tokens == 0 {
            self.totals = vec![0.0; 1 + names.len()];
            self.names = names;
        } else {
            assert_eq!(
                self.names, names,
                "measures must be the same in every batch"
            );
        }
        let row = std::iter::once(lm).chain(measures.into_iter().map(|(_, mean)| mean));
        let row = Tensor::cat(row.collect(), 0);
        self.pending.push(row.without_autodiff());
        self.weights.push(tokens);
        if self.pending.len() == READ_EVERY {
            self.read()?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), TrainError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let read = numbers(Tensor::cat(std::mem::take(&mut self.pending), 0))?;
        for (row, weight) in read.chunks(self.totals.len()).zip(self.weights.drain(..)) {
            self.tokens += weight;
            for (sum, &mean) in self.totals.iter_mut().zip(row) {
                *sum += f64::from(mean) * weight as f64;
            }
        }
        Ok(())
    }

    /// The tokens, the mean loss and the other means.
    fn means(mut self) -> Result<(u64, f64, Vec<Measure>), TrainError> {
        self.read()?;
        let mut means = self.totals.iter().map(|sum| sum / self.tokens as f64);
        let nll = means.next().unwrap_or(f64::NAN);
        let names = self.names.iter().copied();
        Ok((self.tokens, nll, names.zip(means).collect()))
    }
}
