//! What leaves the loop.

use std::io;
use std::path::Path;

use crate::{IntervalSpeed, Learner, Timing};

/// A logged row: means over the steps since the row before.
#[derive(Debug, Clone)]
pub struct StepReport<O> {
    /// Updates finished.
    pub step: u64,
    /// Updates that the means are over.
    pub steps: u64,
    /// Training tokens read since the start.
    pub tokens: u64,
    /// Learning rate of the last update.
    pub learning_rate: f64,
    /// Mean language-model loss, in nats per token.
    pub lm: f64,
    /// Mean auxiliary losses by name, weighted as they were minimised.
    pub aux: Vec<(&'static str, f64)>,
    /// Mean global gradient norm of the whole loss, before clipping.
    pub gradient_norm: f64,
    /// Gradient norm of the routers' parameters under the whole loss, before clipping, at the last
    /// step of the interval.
    pub router_gradient_norm: f64,
    /// The same under the language-model loss alone, of the same step and passes; 0 when the
    /// routers have no parameters or no gradient reaches them.
    pub router_gradient_norm_lm: f64,
    /// The same of each router that has parameters, in the order of the model.
    pub router_gradient_norms_lm: Vec<f64>,
    /// Everything observed in the interval, added up.
    pub observation: O,
    /// How many forward passes the observation adds up.
    pub observations: u64,
    /// Speed over the interval.
    pub speed: IntervalSpeed,
    /// Seconds and speeds since the start.
    pub timing: Timing,
}

/// The result of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Updates finished.
    pub step: u64,
    /// Mean negative log-likelihood over all validation tokens, in nats.
    pub nll: f64,
    /// Validation tokens.
    pub tokens: u64,
}

/// A mean over validation tokens of something else than the loss, by name.
pub type Measure = (&'static str, f64);

/// An evaluation and what was observed in it.
#[derive(Debug, Clone)]
pub struct EvalReport<O> {
    /// The result.
    pub evaluation: Evaluation,
    /// Whether it is the lowest loss so far.
    pub best: bool,
    /// The learner's further measures.
    pub measures: Vec<Measure>,
    /// Everything observed, added up.
    pub observation: O,
    /// How many forward passes the observation adds up.
    pub observations: u64,
    /// How long it took.
    pub seconds: f64,
}

/// A sign of life after each step, made of what the host already knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heartbeat {
    /// Updates finished.
    pub step: u64,
    /// Updates in all.
    pub steps: u64,
    /// Language-model loss of the last logged row.
    pub lm: Option<f64>,
    /// Training tokens in a training second so far.
    pub tokens_per_s: Option<f64>,
}

/// Takes what happened. The time it uses counts as observing, never as training.
pub trait Reporter<L: Learner> {
    /// A logged row.
    fn step(&mut self, report: StepReport<L::Observation>);

    /// An evaluation.
    fn evaluated(&mut self, report: EvalReport<L::Observation>);

    /// The model before the first step and after each, once logged and evaluated, for whoever wants to look at what
    /// it does on the way. After a resumed checkpoint it comes again only for the steps that follow; before the
    /// first step it may come twice.
    fn model(&mut self, _step: u64, _model: &L) {}

    /// After each step.
    fn heartbeat(&mut self, _beat: Heartbeat) {}

    /// Writes what was reported so far into a checkpoint, so that rows and parameters agree.
    fn save(&mut self, _folder: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Reads what [`Self::save`] wrote, in place of anything reported so far.
    fn load(&mut self, _folder: &Path) -> io::Result<()> {
        Ok(())
    }
}
