//! What each command does. A command returns its exit code, or an error that has one.

mod bench_peers;
mod bench_qwen;
mod bench_step;
mod claims;
mod compare;
mod data;
mod defaults;
mod diff;
mod doctor;
mod eval;
mod explore;
mod export;
mod forge;
mod generate;
mod list;
mod merge;
mod plan;
mod quantise;
mod schema;
mod show;
mod submit;
mod sweep;
mod trial;
mod two_sides;
mod vocabularies;
mod watch;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use runstore::{ResultsWriter, TrialState};

use crate::{
    cli::{BenchCommand, Cli, Command, ReportArgs},
    completion,
    exit::{Exit, Expected},
    index, memory,
    publish::{publish, put},
    session::Session,
    ui,
};

/// Runs the command of a command line.
pub(crate) fn run(cli: Cli) -> Result<Exit, Expected> {
    match cli.command {
        Command::Sweep(args) => sweep::run(&args),
        Command::Trial(args) => trial::run(&args),
        Command::Submit(args) => submit::run(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::Status(args) => plan::status(&args),
        Command::List(args) => list::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Report(args) => write_report(&args),
        Command::Figures {
            folders,
            experiments,
        } => figures(&folders, &experiments),
        Command::Explore(args) => explore::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Forge(args) => forge::run(&args),
        Command::Quantise(args) => quantise::run(&args),
        Command::Claims(args) => claims::run(&args),
        Command::Data(command) => data::run(&command),
        Command::Schema(args) => schema::run(&args),
        Command::Bench(BenchCommand::Peers(args)) => bench_peers::run(&args),
        Command::Bench(BenchCommand::Qwen(args)) => bench_qwen::run(&args),
        Command::Bench(BenchCommand::Step(args)) => bench_step::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions { shell } => {
            ui::data(&completion::script(shell, &ui::program_anywhere()));
            Ok(Exit::Done)
        }
    }
}

/// One part in so many of the memory may be kept for the tensors of the next step.
const MEMORY_KEPT: u64 = 4;

/// The tables of `xp bench`, each in a folder of its own.
const BENCHMARKS: [&str; 2] = ["peers", "profile"];

/// Needs nothing but the folders: what was committed can be drawn again in any clone.
fn figures(folders: &[PathBuf], experiments: &Path) -> Result<Exit, Expected> {
    let mut roots = BTreeSet::new();
    for folder in folders {
        // What `xp bench` writes is no table of trials.
        let is_benchmark = |table| folder.join(format!("{table}.parquet")).exists();
        if BENCHMARKS.into_iter().any(is_benchmark) && !folder.join("trials.parquet").exists() {
            ui::say(&format!(
                "{}: a benchmark's, no figures of trials",
                folder.display()
            ));
            continue;
        }
        let mut results = ResultsWriter::open(folder)?;
        let Some(mut collected) = results.read()? else {
            let message = format!("{} holds no trials.parquet", folder.display());
            let help = "name a folder such as results/unified/cpu-cpu";
            return Err(Expected::new(Exit::Store, message, help));
        };
        // Columns that a newer program has are added, so that tables of all folders go together.
        let manifest = results.manifest()?;
        let (_, drawn) = put(
            &mut results,
            &mut collected,
            manifest,
            (experiments, folder),
        )?;
        drawn?;
        results.commit()?;
        ui::data(&format!("{}\n", folder.join(report::PAGE).display()));
        roots.insert(index::root_of(folder));
    }
    for root in roots.into_iter().filter(|root| index::is_root(root)) {
        if let Some(index) = index::write(&root)? {
            ui::say(&format!("index: {}", index.display()));
        }
    }
    Ok(Exit::Done)
}

fn write_report(args: &ReportArgs) -> Result<Exit, Expected> {
    let session = Session::open(&args.select, &args.place)?;
    let states = session.states()?;
    if !states.iter().any(TrialState::is_recorded) {
        return Err(Expected::new(
            Exit::Nothing,
            format!(
                "no trial of {} has finished at scale {}",
                session.sweep.name, session.sweep.scale
            ),
            format!("first run {}", ui::this_command("sweep")),
        ));
    }
    let published = publish(&session, &crate::built::provenance())?;
    let outstanding = states.iter().filter(|state| !state.is_recorded()).count();
    if args.json {
        ui::json(&published);
    } else {
        ui::cells(&session, &published.collected, &published.manifest);
        published.tell();
    }
    if outstanding > 0 {
        ui::say(&format!(
            "{outstanding} trials are outstanding and not in the report"
        ));
        return Ok(Exit::Outstanding);
    }
    Ok(Exit::Done)
}

/// Sets how many threads compute: as many as asked, or one a core. This thread is one of them, so that work which it
/// has for all wakes one thread fewer. Where it is the only one, no other thread may wait for work by the pool. Rayon's
/// pool is made on first use, so this comes before anything computes.
///
/// From here on tensors come and go in the same sizes, so that the allocator may keep more of them.
fn compute_with(threads: Option<usize>) -> Result<(), Expected> {
    if let Some(bytes) = memory::of_host() {
        let share = bytes / MEMORY_KEPT;
        crate::ALLOCATOR.may_keep(share.try_into().unwrap_or(usize::MAX));
    }
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.unwrap_or_else(cores);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.use_current_thread()
        .build_global()
        .map_err(|error| Expected::io("start the threads", std::io::Error::other(error)))
}
