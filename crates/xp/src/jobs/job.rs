//! What a job is to the rest of the program.
//!
//! A job is a folder beside this file: its settings, which implement [`Job`], and what it does. The list in
//! [`list`](super::list) names them, and everything else asks the list or the trait and knows no job by name.

use std::{borrow::Cow, fmt};

use corpora::DataDir;
use moe_layer::MoeConfig;
use runstore::tables::TrialRow;

use super::{
    columns::Column,
    context::{JobContext, JobEnd, JobError, Sizes},
    data_rules::DataRules,
    settings::{SettingProblem, dense},
    short_name::ShortName,
    source::Source,
    timed::{Shared, Timed},
};

/// The settings of a trial, complete, and what they are for.
pub(crate) trait Job: fmt::Debug + Send + Sync {
    /// What is known of the job before any of its settings.
    fn facts() -> JobFacts
    where
        Self: Sized;

    /// Writes what is really used where one setting decides another, so that the same work has the
    /// same id.
    fn resolve(&mut self) {}

    /// Rules between settings that single values cannot break, sizes beyond all bounds among them.
    fn check(&self) -> Vec<SettingProblem>;

    /// The data that it reads. Their digests are part of a trial's id, and they must be there before it runs.
    fn sources(&self) -> Vec<Source<'_>> {
        Vec::new()
    }

    /// The rules between settings and data that are broken. Where text or model are not there at all, nothing is
    /// asked: who may not do without them has been told when the sweep was opened.
    ///
    /// # Errors
    ///
    /// Files that are damaged, and parts of a model that are missing, whatever the settings ask of them.
    fn check_data(&self, _: &mut DataRules<'_>) -> Result<Vec<SettingProblem>, JobError> {
        Ok(Vec::new())
    }

    /// The tables of its settings that a trial's id is made without.
    fn unasked(&self) -> &'static [&'static str] {
        &[]
    }

    /// Its mixture-of-experts layers, where it has such.
    fn moe(&self) -> Option<&MoeConfig> {
        None
    }

    /// What people read in the place of a setting that has no meaning here: of a dense reference a name of its own for
    /// the strategy, and `none` for what else is of routing. `None` where the setting says what is done.
    fn shown_instead<'a>(&self, path: &str, none: &'a str) -> Option<Cow<'a, str>> {
        dense::shown(self.moe()?, path, none)
    }

    /// The number of parameters, where it has any and it can be known before running; `vocab` is the vocabulary of
    /// its text, where that is known.
    fn sizes(&self, vocab: Option<usize>) -> Option<Sizes>;

    /// What is known of it by the headers of a pretrained model that it reads, where that is here.
    fn of_model(&self, _: &DataDir) -> Option<OfModel> {
        None
    }

    /// Fills columns of its row that follow from settings and are none of [`JobFacts::columns`].
    fn fill(&self, _: &mut TrialRow) {}

    /// Does the work, to its end, to its interruption, or into an error.
    ///
    /// # Errors
    ///
    /// When the work cannot be done.
    fn run(&self, cx: JobContext<'_>) -> Result<JobEnd, JobError>;

    /// One unit of its work, warm, for the clock.
    ///
    /// # Errors
    ///
    /// When it cannot be built, or [`JobFacts::untimed`] says why there is none.
    fn step<'a>(&'a self, shared: &mut Shared<'a>) -> Result<Box<dyn Timed + 'a>, JobError>;

    /// What such a unit keeps between its steps, in bytes, without what several share.
    fn kept_bytes(&self, vocab: Option<usize>) -> u64 {
        let params = self.sizes(vocab).map_or(0, |sizes| sizes.params_total);
        (params * size_of::<f32>()) as u64
    }
}

/// What is known of a trial by the headers of the pretrained model that it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OfModel {
    /// The parameters of the model.
    pub(crate) sizes: Sizes,
    /// Bytes that a step of it holds.
    pub(crate) memory_bytes: u64,
}

/// What is known of a job before any of its settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JobFacts {
    /// The name in `job = "..."`.
    pub(crate) name: &'static str,
    /// The tables of a sweep file that hold its settings.
    pub(crate) sections: &'static [&'static str],
    /// Short names of settings, for axes and `--set`, each with the path that it stands for.
    pub(crate) short_names: &'static [(&'static str, &'static str)],
    /// Settings that stand in the place of others, each with the one that it replaces.
    pub(crate) alternatives: &'static [(&'static str, &'static str)],
    /// Settings that hold one member of a family: an overlay that names another member replaces
    /// the first, it is not merged into it.
    pub(crate) families: &'static [&'static str],
    /// The settings that have a column of their own in `trials.parquet`, in groups that jobs share.
    pub(crate) columns: &'static [&'static [Column]],
    /// Tables of its settings that results call by one name.
    pub(crate) called: &'static [ShortName],
    /// What the terminal shows of a cell, the most asked for first.
    pub(crate) headlines: &'static [Headline],
    /// Columns that are told when a trial has finished.
    pub(crate) told: &'static [&'static str],
    /// Whether its trials have weights to leave behind.
    pub(crate) keeps_weights: bool,
    /// Whether its trials measure a validation loss on their way.
    pub(crate) validates: bool,
    /// Why a sweep of it cannot time its steps in turn, where that is so.
    pub(crate) untimed: Option<&'static str>,
    /// How its trials come to be, where no file can ask for them.
    pub(crate) beside: Option<Beside>,
}

/// A job that is done beside the cells of a sweep of another job, for all of them at once. Its trials run alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beside {
    /// What its trials are called, which have no place on the axes.
    pub(crate) called: &'static str,
    /// What to write in place of `job = "..."`.
    pub(crate) instead: &'static str,
}

/// One measure of a cell: its column in `trials.parquet`, its heading, and how it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Headline {
    /// The column.
    pub(crate) column: &'static str,
    /// What stands above it.
    pub(crate) heading: &'static str,
    /// What it is multiplied by.
    pub(crate) scale: f64,
    /// Digits after the point.
    pub(crate) digits: usize,
}

impl JobFacts {
    /// A job of that name with nothing else.
    pub(crate) const fn named(name: &'static str) -> Self {
        Self {
            name,
            sections: &[],
            short_names: &[],
            alternatives: &[],
            families: &[],
            columns: &[],
            called: &[],
            headlines: &[],
            told: &[],
            keeps_weights: false,
            validates: false,
            untimed: None,
            beside: None,
        }
    }
}

/// A measure of a cell.
pub(crate) const fn headline(
    column: &'static str,
    heading: &'static str,
    scale: f64,
    digits: usize,
) -> Headline {
    Headline {
        column,
        heading,
        scale,
        digits,
    }
}
