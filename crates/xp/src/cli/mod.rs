//! The command line: what each command takes. What it does is in `commands`.

mod args;
mod bench;
mod looking;
mod models;
mod submit;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::{config::TimeLimit, jobs::JobKind};

pub(crate) use args::{Data, Pick, Places, Runs, Select, Where};
pub(crate) use bench::{BenchCommand, PeersArgs, QwenArgs, StepArgs};
pub(crate) use looking::{CompareArgs, DiffArgs, ExportArgs, Format, ListArgs, Lookup, MergeArgs};
pub(crate) use models::{EvalArgs, ForgeArgs, GenerateArgs, QuantiseArgs};
pub(crate) use submit::SubmitArgs;

/// A laboratory for mixture-of-experts routing.
#[derive(Debug, Parser)]
#[command(
    name = "xp",
    version,
    about = "Runs routing experiments from a TOML file to Parquet, figures and a report.",
    after_help = AFTER_HELP,
    max_term_width = 100,
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 bug in xp, 2 wrong command line or sweep file, 3 data or device missing,
4 nothing selected, 5 trials outstanding, 6 a trial failed or diverged, 7 store or results
unreadable or unwritable, 8 refused (--frozen), 130 interrupted (started again, it goes on).

Results go to stdout, everything else to stderr. Logs are under .xp/logs; RUST_LOG sets their level.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the trials of a sweep that are not done, then writes tables, figures and the report.
    Sweep(SweepArgs),
    /// Runs one trial of a sweep in this process, as `sweep` does and any scheduler can.
    Trial(TrialArgs),
    /// Gives the trials of a sweep that are not done to a scheduler, such as Slurm, and its report after them.
    Submit(SubmitArgs),
    /// Shows every trial, whether it would run, and why; runs nothing.
    Plan(PlanArgs),
    /// Says how far a sweep is; exit 0 when done, 5 when trials are outstanding, 6 when one failed.
    Status(PlanArgs),
    /// Lists the sweeps that can be run, and the results that are there.
    List(ListArgs),
    /// Shows the trials of a sweep that run now: losses and expert loads, until q.
    Watch(WatchArgs),
    /// Shows one trial: its resolved settings and, once it is done, its measures.
    Show(ShowArgs),
    /// Shows what sets two trials, sweeps or results folders apart: settings, measures, machines.
    Diff(DiffArgs),
    /// Compares the cells that two sweeps or results folders have in common, seed by seed.
    Compare(CompareArgs),
    /// Writes tables, figures and the report again from the finished trials.
    Report(ReportArgs),
    /// Draws figures and report of results folders again, and writes their tables with the columns of
    /// this program, without the working folder.
    Figures {
        /// Folders with trials.parquet, such as results/unified/cpu-cpu.
        #[arg(required = true, value_name = "DIR")]
        folders: Vec<std::path::PathBuf>,
        /// The folder of claims.toml, whose verdicts stand in the reports.
        #[arg(long, value_name = "DIR", default_value = "experiments")]
        experiments: std::path::PathBuf,
    },
    /// Makes one page of results folders to look at routing with, token by token: open it in a browser.
    Explore(ExploreArgs),
    /// Writes results in the formats of other programs: CSV, TensorBoard.
    Export(ExportArgs),
    /// Brings results and working folders of several machines together.
    Merge(MergeArgs),
    /// Continues a text with a language model, as it is written.
    Generate(GenerateArgs),
    /// Measures how well a language model predicts a text.
    Eval(EvalArgs),
    /// Writes a model of random weights at real size, to measure with where a real one cannot be had.
    Forge(ForgeArgs),
    /// Writes a language model with its maps in four bits, by GPTQ.
    Quantise(QuantiseArgs),
    /// Says whether results bear each published claim out: holds, fails or undecided.
    Claims(ClaimsArgs),
    /// Lists, fetches and checks text data.
    #[command(subcommand)]
    Data(DataCommand),
    /// Prints the JSON schema of sweep files, or all settings with their defaults.
    Schema(SchemaArgs),
    /// Measures speed against programs that do the same work.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Checks this machine: processor, devices, data, store.
    Doctor(DoctorArgs),
    /// Prints what a shell reads to complete sweeps, scales, settings, trials and data.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

// `xp sweep`.
#[derive(Debug, clap::Args)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) select: Select,
    #[command(flatten)]
    pub(crate) place: Where,
    #[command(flatten)]
    pub(crate) runs: Runs,
    #[command(flatten)]
    pub(crate) pick: Pick,
    /// Trials that run at the same time; the processor's cores are shared among them.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: u16,
    /// Starts no more trials after one has failed or diverged.
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Starts a trial that fails again, so often at most [default: the sweep file's, or 0].
    #[arg(long, value_name = "N")]
    pub(crate) retries: Option<u32>,
    /// Saves and stops a trial that takes longer, such as 90s or "1h 30m"; it counts as failed, and runs on with
    /// the next command [default: the sweep file's, or none].
    #[arg(long, value_name = "TIME")]
    pub(crate) time_limit: Option<TimeLimit>,
    #[command(flatten)]
    pub(crate) shown: Shown,
}

// What is shown of a sweep that runs, and at its end.
#[derive(Debug, clap::Args)]
pub(crate) struct Shown {
    /// Leaves tables, figures and the report to `xp report`.
    #[arg(long)]
    pub(crate) no_report: bool,
    /// Shows the trials live on a dashboard, where the program was built with `--features tui`.
    #[arg(long)]
    pub(crate) tui: bool,
    /// Prints a summary for machines instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

// `xp trial`.
#[derive(Debug, clap::Args)]
pub(crate) struct TrialArgs {
    #[command(flatten)]
    pub(crate) select: Select,
    /// The trial's id, or its first digits.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) place: Where,
    #[command(flatten)]
    pub(crate) runs: Runs,
    /// Prints what happens as JSON, one object a line.
    #[arg(long)]
    pub(crate) json: bool,
    /// Stops, saving its state, when standard input is closed.
    #[arg(long, hide = true)]
    pub(crate) supervised: bool,
}

// `xp plan`, `xp status`.
#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) select: Select,
    #[command(flatten)]
    pub(crate) place: Where,
    #[command(flatten)]
    pub(crate) pick: Pick,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

// `xp watch`.
#[derive(Debug, clap::Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) select: Select,
    #[command(flatten)]
    pub(crate) place: Where,
    /// Prints the page once and ends, as where there is no terminal.
    #[arg(long)]
    pub(crate) once: bool,
}

// `xp report`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) select: Select,
    #[command(flatten)]
    pub(crate) place: Where,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

// `xp explore`.
#[derive(Debug, clap::Args)]
pub(crate) struct ExploreArgs {
    /// Folders with trials.parquet, such as results/unified/cpu-cpu, or folders of them, such as results.
    #[arg(required = true, value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,
    /// The page; without it, explore.html in the folder that holds all that were named.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

// `xp show`.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The trial's id, its first digits, or `latest`.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) places: Places,
    /// The sweep to look in; without it, every sweep that has run.
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) sweep: Option<String>,
    /// Folder of the sweep files.
    #[arg(long, value_name = "DIR", default_value = "experiments")]
    pub(crate) experiments: PathBuf,
    /// The scale, with `--sweep`.
    #[arg(long, requires = "sweep")]
    pub(crate) scale: Option<String>,
    /// Prints JSON instead of TOML.
    #[arg(long)]
    pub(crate) json: bool,
}

// `xp claims`.
#[derive(Debug, clap::Args)]
pub(crate) struct ClaimsArgs {
    /// The scale whose results are asked.
    #[arg(long, default_value = "cpu")]
    pub(crate) scale: String,
    /// The device whose results are asked, as their folders are called by it: cpu, or a card such as h200.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    /// Folder of results: <DIR>/<sweep>/<scale>-<device>/.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) results: PathBuf,
    /// Folder with the file of claims, claims.toml.
    #[arg(long, value_name = "DIR", default_value = "experiments")]
    pub(crate) experiments: PathBuf,
    /// Shows these claims in full: ids such as a.1, or what stands before a dot or a hyphen.
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub(crate) id: Vec<String>,
    /// Prints JSON.
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// Prints a table in Markdown.
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Writes the page <DIR>/claims.html of all claims, which the index of results leads to.
    #[arg(long, conflicts_with_all = ["json", "markdown", "id"])]
    pub(crate) page: bool,
}

/// `xp data`.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Lists what there is, and which of it is in the data folder.
    List(DataList),
    /// Fetches data into the data folder.
    Fetch {
        /// What to fetch; `xp data list` shows the names.
        #[arg(required = true)]
        names: Vec<String>,
        /// Takes plain http from the mirror in HF_ENDPOINT; anyone on the way can alter it.
        #[arg(long)]
        plain_http: bool,
        #[command(flatten)]
        data: Data,
    },
    /// Checks the digests of data that is there; everything without a name.
    Check {
        /// What to check.
        names: Vec<String>,
        #[command(flatten)]
        data: Data,
    },
}

// `xp data list`.
#[derive(Debug, clap::Args)]
pub(crate) struct DataList {
    #[command(flatten)]
    pub(crate) data: Data,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

// `xp schema`.
#[derive(Debug, clap::Args)]
pub(crate) struct SchemaArgs {
    /// The job whose sweep files are described.
    #[arg(default_value = JobKind::USUAL.name(), value_parser = JobKind::ALL.map(JobKind::name))]
    pub(crate) job: String,
    /// Prints every setting with its default and meaning, as TOML.
    #[arg(long)]
    pub(crate) defaults: bool,
}

// `xp doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) places: Places,
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
