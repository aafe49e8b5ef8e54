//! The state of a run and what happens in one step of it.

use std::time::Instant;

use burn::prelude::*;

use crate::adamw::AdamW;
use crate::changing::Changing;
use crate::evaluate::evaluate;
use crate::gradients::plain_device;
use crate::interval::{Interval, numbers};
use crate::stepper::timed;
use crate::timing::{Clock, Part};
use crate::{
    Best, Data, EvalReport, Evaluation, Heartbeat, Learner, Outcome, Reporter, Run, StepReport,
    TrainError, Trained, Update, learning_rate,
};

/// A run between its first step and its last.
pub(crate) struct Session<'a, L: Learner> {
    pub(crate) run: &'a Run<'a>,
    /// The device of the parameters, without autodiff.
    pub(crate) device: Device,
    /// What checkpoints hold.
    pub(crate) changing: Changing,
    pub(crate) optimiser: AdamW,
    pub(crate) interval: Interval<L::Observation>,
    pub(crate) clock: Clock,
    /// Updates finished.
    pub(crate) step: u64,
    pub(crate) tokens: u64,
    pub(crate) lm: Option<f64>,
    pub(crate) evaluation: Option<Evaluation>,
    pub(crate) lowest: Option<Evaluation>,
    pub(crate) best: Option<Best<L>>,
    /// Router gradient norms of the language-model loss, on steps that will be logged.
    probe: Option<Tensor<1>>,
}

impl<'a, L: Learner> Session<'a, L> {
    pub(crate) fn new(run: &'a Run<'a>, model: &L) -> Self {
        Self {
            run,
            device: plain_device(model),
            changing: Changing::of(model, run.base.is_some()),
            optimiser: AdamW::new(run.config),
            interval: Interval::new(),
            clock: Clock::default(),
            step: 0,
            tokens: 0,
            lm: None,
            evaluation: None,
            lowest: None,
            best: None,
            probe: None,
        }
    }

    const fn steps(&self) -> u64 {
        self.run.config.steps.get() as u64
    }

    pub(crate) const fn finished(&self) -> bool {
        self.step >= self.steps()
    }

    /// Whether something done every so many steps (0: never) and at the end is due after `step`.
    const fn due(&self, step: u64, every: usize) -> bool {
        step == self.steps() || (every > 0 && step.is_multiple_of(every as u64))
    }

    fn sync(&self) -> Result<(), TrainError> {
        self.device.sync().map_err(TrainError::device)
    }

    /// One update.
    pub(crate) fn advance<D: Data<Batch = L::Batch>>(
        &mut self,
        model: L,
        data: &mut D,
    ) -> Result<L, TrainError> {
        let micros = self.run.config.accumulate.get() as u64;
        let first = self.step * micros;
        let batches: Vec<L::Batch> = self.clock.time(Part::Data, || {
            (first..first + micros)
                .map(|index| data.training(index))
                .collect()
        });
        let tokens: u64 = batches.iter().map(|batch| L::tokens(batch) as u64).sum();
        if self.due(self.step + 1, self.run.config.log_every.get()) {
            self.sync()?;
            let start = Instant::now();
            self.probe = Some(self.update().probe(&model, &batches));
            self.sync()?;
            self.clock.add(Part::Observe, start.elapsed());
        }

        let update = self.update();
        let (updated, duration) =
            timed(&update, model, &batches, &mut self.optimiser, &self.device)?;
        self.clock.step(duration, tokens);

        let start = Instant::now();
        let norms = [updated.gradient_norm, updated.router_gradient_norm];
        self.interval.record(updated.lm, updated.aux, norms);
        for observation in updated.observations {
            self.interval.observe(observation);
        }
        self.sync()?;
        self.clock.add(Part::Observe, start.elapsed());
        self.step += 1;
        self.tokens += tokens;
        Ok(updated.model)
    }

    /// The coming update.
    const fn update(&self) -> Update<'a> {
        Update {
            config: self.run.config,
            seed: self.run.seed,
            step: self.step,
        }
    }

    /// Logs a row if one is due; false when something in it is not finite.
    pub(crate) fn log<R: Reporter<L>>(&mut self, reporter: &mut R) -> Result<bool, TrainError> {
        let Some(probe) = self.probe.take() else {
            return Ok(true);
        };
        let start = Instant::now();
        let mut norms = numbers(probe)?.into_iter().map(f64::from);
        let probe = norms.next().expect("the norm of all routers comes first");
        let row = self.interval.finish()?;
        let finite = [row.lm, row.gradient_norm, row.router_gradient_norm, probe]
            .into_iter()
            .all(f64::is_finite)
            && row.aux.iter().all(|(_, loss)| loss.is_finite());
        self.clock.add(Part::Observe, start.elapsed());
        if !finite {
            return Ok(false);
        }
        self.lm = Some(row.lm);
        let report = StepReport {
            step: self.step,
            steps: row.steps,
            tokens: self.tokens,
            learning_rate: learning_rate(self.step as usize - 1, self.run.config),
            lm: row.lm,
            aux: row.aux,
            gradient_norm: row.gradient_norm,
            router_gradient_norm: row.router_gradient_norm,
            router_gradient_norm_lm: probe,
            router_gradient_norms_lm: norms.collect(),
            observation: row.observation,
            observations: row.observations,
            speed: self.clock.interval(),
            timing: self.clock.report(),
        };
        self.clock.time(Part::Observe, || reporter.step(report));
        Ok(true)
    }

    /// Evaluates if it is due; false when the loss is not finite.
    pub(crate) fn evaluate<D, R>(
        &mut self,
        model: &L,
        data: &mut D,
        reporter: &mut R,
    ) -> Result<bool, TrainError>
    where
        D: Data<Batch = L::Batch>,
        R: Reporter<L>,
    {
        let before = self.step == 0 && self.run.config.eval_first;
        if !before && (self.step == 0 || !self.due(self.step, self.run.config.eval_every)) {
            return Ok(true);
        }
        self.evaluate_now(model, data, reporter)
    }

    /// Evaluates; false when the loss is not finite.
    pub(crate) fn evaluate_now<D, R>(
        &mut self,
        model: &L,
        data: &mut D,
        reporter: &mut R,
    ) -> Result<bool, TrainError>
    where
        D: Data<Batch = L::Batch>,
        R: Reporter<L>,
    {
        let start = Instant::now();
        let found = evaluate(model, data, self.run, self.step, &self.device)?;
        self.sync()?;
        let duration = start.elapsed();
        self.clock.add(Part::Evaluate, duration);
        let Some(found) = found else { return Ok(true) };
        let evaluation = found.evaluation;
        if !evaluation.nll.is_finite() {
            return Ok(false);
        }
        let best = self.lowest.is_none_or(|lowest| evaluation.nll < lowest.nll);
        if best {
            self.lowest = Some(evaluation);
            self.best = self.run.keep_best.then(|| Best {
                model: model.valid(),
                evaluation,
            });
        }
        self.evaluation = Some(evaluation);
        let report = EvalReport {
            evaluation,
            best,
            measures: found.measures,
            observation: found.observation,
            observations: found.observations,
            seconds: duration.as_secs_f64(),
        };
        self.clock
            .time(Part::Observe, || reporter.evaluated(report));
        Ok(true)
    }

    /// Shows the reporter the model as it is.
    pub(crate) fn show<R: Reporter<L>>(&mut self, model: &L, reporter: &mut R) {
        let step = self.step;
        self.clock
            .time(Part::Observe, || reporter.model(step, model));
    }

    pub(crate) fn checkpoint_if_due<R: Reporter<L>>(
        &mut self,
        model: &L,
        reporter: &mut R,
    ) -> Result<(), TrainError> {
        let every = self.run.config.checkpoint_every;
        if every > 0 && !self.finished() && self.due(self.step, every) {
            self.checkpoint(model, reporter)?;
        }
        Ok(())
    }

    pub(crate) fn heartbeat<R: Reporter<L>>(&self, reporter: &mut R) {
        let (step, steps) = (self.step, self.steps());
        reporter.heartbeat(Heartbeat {
            step,
            steps,
            lm: self.lm,
            tokens_per_s: self.clock.tokens_per_s(),
        });
    }

    pub(crate) fn end(self, model: L, outcome: Outcome) -> Trained<L> {
        Trained {
            model,
            best: self.best,
            evaluation: self.evaluation,
            outcome,
            step: self.step,
            tokens: self.tokens,
            timing: self.clock.report(),
        }
    }
}
