//! `xp submit`.

use clap::Args;

use super::{Pick, Select, Where};

// What is submitted, and to whom.
#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    #[command(flatten)]
    pub(crate) select: Select,
    #[command(flatten)]
    pub(crate) place: Where,
    #[command(flatten)]
    pub(crate) pick: Pick,
    /// The scheduler: slurm, hyperqueue, or a file, a template of a script that asks another one.
    #[arg(long, value_name = "NAME|FILE", required_unless_present = "cancel")]
    pub(crate) to: Option<String>,
    /// Prints the script and submits nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Tasks at most, beside those of speeds: with more trials than that a task has several.
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) tasks: u32,
    /// Cancels all that was submitted of this sweep and has not ended.
    #[arg(long, conflicts_with_all = ["to", "dry_run", "only", "skip", "partition"])]
    pub(crate) cancel: bool,
    /// Prints JSON.
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) json: bool,
}
