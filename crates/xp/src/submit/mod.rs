//! Trials as jobs of a scheduler.
//!
//! Trials that are not done are dealt into tasks. A task is `xp sweep --only IDS --no-report`: what a runner does for
//! a trial (claims, retries, the time limit, the record of one that was killed) it does there too, and a task that is
//! started again goes on. The last job writes the report. How a scheduler is asked is an [`Engine`]'s, one template
//! of a shell script.
//!
//! A submission has a folder in the working folder of its sweep: the script, the logs of its tasks, and a note of
//! which trials are in which task.

mod engine;
mod kept;
mod tasks;

pub(crate) use self::{
    engine::{Engine, Request, quoted},
    kept::{Submission, submissions, waiting},
    tasks::{Tasks, deal},
};
