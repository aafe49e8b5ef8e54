//! Running the trials of a sweep, each in a process of its own.
//!
//! The scheduler knows neither processes nor files: it starts trials through an [`Executor`], asks
//! a [`Ledger`] what is done and what another process holds, and tells a [`Watcher`] what happens.
//!
//! # Two runners on one sweep
//!
//! The process that runs a trial holds the claim on it, so nothing is shared but the store. A
//! trial that is held elsewhere is put aside and looked at again when nothing else is left to
//! start. It has then been finished by the other runner, which counts as done here; or it has
//! failed there, which is reported and not tried a second time; or the other process has died,
//! its claim is free, and this runner runs it. A runner therefore ends only when every trial has
//! an end, whoever brought it there.

//!
//! # Trials that fail, and trials that take too long
//!
//! A trial that fails is started again as often as retries allow, at once, from its checkpoint where it left
//! one; one that diverged is not, since it would again. A trial that is over its time limit is asked to save
//! and stop, and counts as failed with that reason. It is not retried, or the limit would be none: the next
//! command goes on from what was saved, with the time anew. One that does not stop is ended.

mod executor;
mod flags;
mod outcome;
mod process;
mod schedule;
#[cfg(test)]
mod tests;
mod timing;
mod verdict;

#[cfg(test)]
use executor::{Ending, Executor, Message};
pub(crate) use flags::flags;
pub(crate) use outcome::{Outcome, RunSummary};
pub(crate) use process::ProcessExecutor;
pub(crate) use schedule::{Ledger, RunOptions, Watcher, run};
pub(crate) use timing::Limit;
