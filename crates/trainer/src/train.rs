//! The loop itself.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::session::Session;
use crate::{CheckpointSlot, Data, Evaluation, Learner, Reporter, Timing, TrainConfig, TrainError};

/// What a run is told beside its model and data.
pub struct Run<'a> {
    /// The settings; [`TrainConfig::check`] must have found nothing wrong.
    pub config: &'a TrainConfig,
    /// Decides all randomness of the forward passes, and nothing else.
    pub seed: u64,
    /// Raised from outside to end the run before its next step.
    pub stop: &'a AtomicBool,
    /// Where checkpoints go, and where the run resumes from; without one it starts afresh and an
    /// interruption saves nothing.
    pub checkpoints: Option<&'a dyn CheckpointSlot>,
    /// The digest of what the frozen parameters are read from. With one, checkpoints name it and leave
    /// those parameters out: the model that a run goes on with must have been built on the same base.
    pub base: Option<&'a str>,
    /// Whether to keep the parameters of the best evaluation, which costs their memory once more.
    pub keep_best: bool,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All steps were made.
    Finished,
    /// It was asked to stop, and saved a checkpoint if it has a slot.
    Interrupted {
        /// Updates finished.
        step: u64,
    },
    /// A loss or gradient was infinite or not a number.
    Diverged {
        /// The logged step or evaluation at which it was noticed.
        step: u64,
    },
}

/// Parameters of the best evaluation, without autodiff.
#[derive(Debug, Clone)]
pub struct Best<L> {
    /// The model.
    pub model: L,
    /// Its evaluation.
    pub evaluation: Evaluation,
}

/// A run that ended.
#[derive(Debug)]
pub struct Trained<L> {
    /// The model after the last update, still on the autodiff device.
    pub model: L,
    /// The best model, if it was to be kept and there was an evaluation.
    pub best: Option<Best<L>>,
    /// The last evaluation.
    pub evaluation: Option<Evaluation>,
    /// How it ended.
    pub outcome: Outcome,
    /// Updates finished.
    pub step: u64,
    /// Training tokens read.
    pub tokens: u64,
    /// Where the seconds went.
    pub timing: Timing,
}

/// Trains `model`, or goes on from the latest checkpoint, until all steps are made, the run is
/// asked to stop, or it diverges.
///
/// The model must be on an autodiff device. Where `eval-first` asks for it, an evaluation comes before the
/// first step. After each step, in this order: a row is logged every
/// `log-every` steps and at the end, an evaluation made every `eval-every` steps and at the end, the model
/// shown to the reporter, a checkpoint saved every `checkpoint-every` steps.
///
/// # Errors
///
/// When the device fails or a checkpoint cannot be written, read, or is of another run.
///
/// # Panics
///
/// When the settings fail [`TrainConfig::check`], or the model breaks the rules of [`Learner`].
pub fn train<L, D, R>(
    model: L,
    data: &mut D,
    reporter: &mut R,
    run: &Run<'_>,
) -> Result<Trained<L>, TrainError>
where
    L: Learner,
    D: Data<Batch = L::Batch>,
    R: Reporter<L>,
{
    let errors = run.config.check();
    assert!(errors.is_empty(), "settings that cannot be run: {errors:?}");
    let mut session = Session::new(run, &model);
    let mut model = session.resume(model, reporter)?;
    if session.step == 0 && !session.evaluate(&model, data, reporter)? {
        let outcome = Outcome::Diverged { step: 0 };
        return Ok(session.end(model, outcome));
    }
    if session.step == 0 {
        session.show(&model, reporter);
    }
    let outcome = loop {
        if session.finished() {
            break Outcome::Finished;
        }
        if run.stop.load(Ordering::Relaxed) {
            session.checkpoint(&model, reporter)?;
            break Outcome::Interrupted { step: session.step };
        }
        model = session.advance(model, data)?;
        let healthy = session.log(reporter)? && session.evaluate(&model, data, reporter)?;
        if !healthy {
            tracing::warn!(
                step = session.step,
                "diverged: a loss or gradient is not finite"
            );
            break Outcome::Diverged { step: session.step };
        }
        session.show(&model, reporter);
        session.checkpoint_if_due(&model, reporter)?;
        session.heartbeat(reporter);
    };
    Ok(session.end(model, outcome))
}

/// Evaluates a model that nothing is trained of, as a run of no steps; see [`train`].
///
/// # Errors
///
/// When the device fails.
pub fn evaluate_alone<L, D, R>(
    model: L,
    data: &mut D,
    reporter: &mut R,
    run: &Run<'_>,
) -> Result<Trained<L>, TrainError>
where
    L: Learner,
    D: Data<Batch = L::Batch>,
    R: Reporter<L>,
{
    let mut session = Session::new(run, &model);
    let outcome = if session.evaluate_now(&model, data, reporter)? {
        Outcome::Finished
    } else {
        Outcome::Diverged { step: 0 }
    };
    Ok(session.end(model, outcome))
}
