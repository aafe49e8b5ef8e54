//! Commands that look at results and run nothing: list, diff, compare, export.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Places;

// Which results a name means.
#[derive(Debug, Clone, Args)]
pub(crate) struct Lookup {
    /// The scale of results that are named by their sweep [default: cpu, or the only one].
    #[arg(long)]
    pub(crate) scale: Option<String>,
    /// The device of such results, as their folders are called by it [default: cpu, or the only one].
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Folder of results: <DIR>/<sweep>/<scale>-<device>/.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) results: PathBuf,
    /// Folder of the sweep files, to know what else a name can mean.
    #[arg(long, value_name = "DIR", default_value = "experiments")]
    pub(crate) experiments: PathBuf,
}

// `xp list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The scale of the sweeps [default: cpu where the file has it].
    #[arg(long)]
    pub(crate) scale: Option<String>,
    /// Folder of the sweep files.
    #[arg(long, value_name = "DIR", default_value = "experiments")]
    pub(crate) experiments: PathBuf,
    #[command(flatten)]
    pub(crate) places: Places,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

// `xp merge`.
#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// What other machines have: results, one results folder, or working folders (.xp).
    #[arg(required = true, value_name = "DIR")]
    pub(crate) from: Vec<PathBuf>,
    /// Folder of results here: <DIR>/<sweep>/<scale>-<device>/.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) results: PathBuf,
    /// Working folder here.
    #[arg(long, value_name = "DIR", default_value = ".xp")]
    pub(crate) work: PathBuf,
    /// The folder of claims.toml, whose verdicts stand in the reports.
    #[arg(long, value_name = "DIR", default_value = "experiments")]
    pub(crate) experiments: PathBuf,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

// `xp diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// A trial (id, first digits, `latest`), a sweep with results, or a results folder.
    #[arg(value_name = "A")]
    pub(crate) a: String,
    /// What it is laid beside: a trial if that is one, else a sweep or a folder.
    #[arg(value_name = "B")]
    pub(crate) b: String,
    /// Shows what is equal or within noise too.
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) lookup: Lookup,
    /// Folder of finished trials that are in no results yet.
    #[arg(long, value_name = "DIR", default_value = ".xp")]
    pub(crate) work: PathBuf,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

// `xp compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// A sweep with results, or a results folder.
    #[arg(value_name = "A")]
    pub(crate) a: String,
    /// What it is compared with.
    #[arg(value_name = "B")]
    pub(crate) b: String,
    /// Columns of trials.parquet to compare by, separated by commas [default: the first of the job's measures that
    /// both have].
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) measure: Vec<String>,
    #[command(flatten)]
    pub(crate) lookup: Lookup,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

// `xp export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// A sweep with results, or a results folder.
    #[arg(value_name = "NAME|DIR")]
    pub(crate) from: String,
    /// What to write, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "csv")]
    pub(crate) format: Vec<Format>,
    /// Folder to write into [default: export/<sweep>/<scale>-<device>].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) lookup: Lookup,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A format of other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Format {
    /// A file of comma-separated values for each table.
    Csv,
    /// A run for each trial: its curves over steps, and its settings.
    #[value(name = "tensorboard")]
    TensorBoard,
}
