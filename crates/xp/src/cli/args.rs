//! Groups of flags that several commands share.

use std::{path::PathBuf, str::FromStr};

use clap::Args;

// Which sweep, and what is laid over its file.
#[derive(Debug, Clone, Args)]
pub(crate) struct Select {
    /// A sweep in the folder of experiments, or a file.
    #[arg(value_name = "NAME|FILE")]
    pub(crate) sweep: String,
    /// A preset of the sweep file: smoke, cpu or paper in those that come with xp
    /// [default: cpu where the file has it].
    #[arg(long)]
    pub(crate) scale: Option<String>,
    /// Lays one setting over the file, for example train.steps=200; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Folder of the sweep files.
    #[arg(long, value_name = "DIR", default_value = "experiments")]
    pub(crate) experiments: PathBuf,
}

// Where text is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Data {
    /// Folder of text data [default: datasets, or $SWITCHYARD_ASSETS/datasets if that is set].
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

impl Data {
    /// The data folder.
    pub(crate) fn dir(&self) -> corpora::DataDir {
        let assets = || std::env::var_os("SWITCHYARD_ASSETS").filter(|value| !value.is_empty());
        corpora::DataDir::new(self.data_dir.clone().unwrap_or_else(|| {
            assets().map_or_else(
                || "datasets".into(),
                |assets| PathBuf::from(assets).join("datasets"),
            )
        }))
    }
}

// Where text is read from and results are written to.
#[derive(Debug, Clone, Args)]
pub(crate) struct Places {
    #[command(flatten)]
    pub(crate) data: Data,
    /// Folder for results: <DIR>/<sweep>/<scale>-<device>/.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) results: PathBuf,
    /// Folder for finished parts, claims, checkpoints and logs.
    #[arg(long, value_name = "DIR", default_value = ".xp")]
    pub(crate) work: PathBuf,
}

// Places, and the device.
#[derive(Debug, Clone, Args)]
pub(crate) struct Where {
    /// Where trials run: cpu, cuda:N or wgpu:N [default: the sweep file's device, or cpu].
    #[arg(long)]
    pub(crate) device: Option<String>,
    #[command(flatten)]
    pub(crate) places: Places,
}

// How trials are run.
#[derive(Debug, Clone, Args)]
pub(crate) struct Runs {
    /// Threads of one trial [default: the cores, shared among the jobs].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) threads: Option<u16>,
    /// Fetches missing text data before the first trial.
    #[arg(long)]
    pub(crate) fetch: bool,
    /// Refuses to run when this program was built of tracked files that differ from their commit.
    #[arg(long)]
    pub(crate) frozen: bool,
    /// Runs trials here of which only the results folder has a record, such as those of a clone, and
    /// those again that lack the weights that `save` asks for.
    #[arg(long)]
    pub(crate) rerun: bool,
}

// Which of the sweep's trials.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Pick {
    /// Only these trials: ids or their first digits, or values of axes such as strategy=top1; several
    /// values of one axis add up, several axes narrow.
    #[arg(long, value_name = "ID|AXIS=VALUE", num_args = 1..)]
    pub(crate) only: Vec<String>,
    /// All but these trials, named as for --only.
    #[arg(long, value_name = "ID|AXIS=VALUE", num_args = 1..)]
    pub(crate) skip: Vec<String>,
    /// One of several equal parts, for machines that share a sweep: 1/4, 2/4 and so on.
    #[arg(long, value_name = "I/N")]
    pub(crate) partition: Option<Partition>,
}

/// Part `part` of `of`, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) part: usize,
    pub(crate) of: usize,
}

impl FromStr for Partition {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/');
        let numbers = parts.and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((part, of)) if 1 <= part && part <= of => Ok(Self { part, of }),
            _ => Err("give a part and how many there are, such as 1/4 or 4/4"),
        }
    }
}
