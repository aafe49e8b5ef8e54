//! The one training loop.
//!
//! What it decides: the optimiser and its schedule, clipping, accumulation, when to log, evaluate
//! and checkpoint, what a timed second is, and when a run has diverged. What it does not: what a
//! model is made of, where batches come from, how a report is shown or stored. A model enters as a
//! [`Learner`], data as [`Data`], and what happened leaves through a [`Reporter`].
//!
//! # Steps
//!
//! A step is one update of the parameters; it reads `accumulate` batches. `step` in reports and
//! outcomes counts *finished* updates, so the first report of a run that logs every 50 says 50. The
//! learning rate of an update is [`learning_rate`] of the number of updates before it.
//!
//! # Resuming is exact
//!
//! Everything a step does follows from the parameters, the moments of the optimiser and the number
//! of the step: the batch is a function of its index, and the device's generator is seeded anew for
//! each forward pass from ([`Run::seed`], step, batch). A checkpoint therefore holds parameters,
//! moments, counters and the sums of the unfinished logging interval, and a resumed run gives the
//! same bits and the same logged rows as one that was never interrupted, on devices whose
//! arithmetic is reproducible (the CPU).
//!
//! Of a model on a frozen base ([`Run::base`]) it holds what can change, and the digest of the base,
//! which must be there again: a checkpoint of an adapter is as small as the adapter.
//!
//! # Honest seconds
//!
//! Training time is forward, backward, clipping and update, between two waits for the device; one
//! wait a step costs an idle moment at its start and makes every duration real. Loading batches,
//! accumulating observations, the gradient probe, evaluation and checkpoints have clocks of their
//! own. The first [`WARM_UP_STEPS`] steps of a process count for no speed: devices compile and tune
//! kernels in them.
//!
//! # The router's gradient
//!
//! On logged steps a probe runs the same forward pass again (same batch, seed and parameters) and
//! differentiates the language-model loss alone: a router that learns only from its balancing loss
//! shows there. The norm under the whole loss is averaged over every step of the interval.
//!
//! ```
//! use trainer::{TrainConfig, learning_rate};
//!
//! let config: TrainConfig = serde_json::from_str(r#"{"steps": 100, "warmup": 10}"#).unwrap();
//! assert!(config.check().is_empty());
//! assert_eq!(learning_rate(0, &config), 0.0);
//! assert_eq!(learning_rate(10, &config), 3e-4);
//! assert_eq!(learning_rate(100, &config), 0.0);
//! ```

mod adamw;
mod changing;
mod checkpoint;
mod config;
mod data;
mod error;
mod evaluate;
mod gradients;
mod interval;
mod learner;
mod report;
mod schedule;
mod seed;
mod session;
mod slot;
mod stepper;
mod timing;
mod train;
mod update;

pub use adamw::AdamW;
pub use config::{ConfigError, TrainConfig};
pub use data::Data;
pub use error::TrainError;
pub use gradients::{clipping_factor, gradient_norm};
pub use learner::{Learner, Losses, Minimised, Observation, Pass};
pub use report::{EvalReport, Evaluation, Heartbeat, Measure, Reporter, StepReport};
pub use schedule::{Schedule, learning_rate};
pub use seed::{evaluation_seed, initialise, pass_seed, touch};
pub use slot::{CheckpointSlot, FolderSlot};
pub use stepper::Stepper;
pub use timing::{IntervalSpeed, Percentiles, Timing, WARM_UP_STEPS};
pub use train::{Best, Outcome, Run, Trained, evaluate_alone, train};
pub use update::{Update, Updated};
