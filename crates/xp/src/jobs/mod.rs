//! What a trial does: the one place where settings meet the crates that do the work.
//!
//! A job is a folder whose settings implement [`Job`], and a line in [`list`]. From that list follow the names that
//! a sweep file may use, the schema, what plan and status say, the columns, the preflight checks, and the run itself;
//! the rest of the program names a job only where a figure is of that job alone.
//!
//! ```text
//! job, context, source, timed, columns, settings   what all jobs are made of; learning: those that train
//!    |
//! train  finetune  pack  layer  router  quantise  speed      the jobs; none knows another
//!    |
//! list                                             all of them
//! ```

mod clock;
mod columns;
mod context;
mod data_rules;
mod finetune;
mod job;
mod layer;
mod learning;
mod list;
mod measures;
mod memo;
mod pack;
mod pretrained;
mod quantise;
mod random;
mod router;
mod settings;
mod short_name;
mod source;
mod speed;
mod telling;
mod timed;
mod train;

pub(crate) use context::{Event, JobContext, JobEnd, JobError, Save, Sizes};
pub(crate) use data_rules::DataRules;
pub(crate) use finetune::{Base, FinetuneSettings};
pub(crate) use job::{Headline, Job};
pub(crate) use learning::token_batch;
pub(crate) use list::{JobKind, JobSettings};
pub(crate) use settings::{SettingProblem, all_at_most, router_sizes};
pub(crate) use short_name::{ShortName, short_names};
pub(crate) use source::Source;
pub(crate) use speed::{SpeedCell, SpeedSettings};
pub(crate) use train::{ModelConfig, TrainSettings, of_model};
#[cfg(test)]
pub(crate) use {layer::LayerSettings, pack::PackSettings};
