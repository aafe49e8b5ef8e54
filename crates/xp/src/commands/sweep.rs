//! `xp sweep`: runs what is not done, then writes tables, figures and the report.

use std::{path::Path, time::Duration};

use runstore::{Provenance, TrialState};
use serde::Serialize;

use crate::{
    cli::SweepArgs,
    config::SweepFacts,
    exit::{Exit, Expected},
    ledger::StoreLedger,
    pick, preflight,
    publish::{Published, publish, share_of_threads},
    runner::{self, Limit, Outcome, ProcessExecutor, RunOptions, RunSummary},
    session::Session,
    signals, ui,
};

/// How long a trial may take to save itself when its time is over.
const GRACE: Duration = Duration::from_mins(1);

/// How often trials held by another runner are looked at.
const PATIENCE: Duration = Duration::from_millis(500);

/// The summary for machines.
#[derive(Serialize)]
struct Summary<'a> {
    sweep: SweepFacts<'a>,
    device: String,
    trials: usize,
    /// Recorded before this run.
    before: usize,
    /// Those of them that only the results folder has.
    in_results: usize,
    done: usize,
    diverged: usize,
    stopped: usize,
    failed: Vec<Failure>,
    /// Trials that were started more than once.
    retried: usize,
    outstanding: usize,
    results: Option<&'a Published>,
    exit: u8,
}

#[derive(Serialize)]
struct Failure {
    trial: String,
    error: String,
}

pub(super) fn run(args: &SweepArgs) -> Result<Exit, Expected> {
    ui::check_tui(args.shown.tui)?;
    let mut session = Session::open_to_run(&args.select, &args.place, &args.runs)?;
    let provenance = crate::built::provenance();
    refuse_if_changed(args.runs.frozen, &provenance)?;
    // What stands there is read before anything runs: what is found unreadable after hours of work
    // would keep it from being published.
    check_results(&session)?;
    let chosen = pick::chosen(&session, &args.pick)?;
    let states = session.states()?;
    let recorded = |index: usize| {
        let state = &states[index];
        state.is_recorded() && !(args.runs.rerun && session.runs_again(index, state))
    };
    let is = |fits: fn(&TrialState) -> bool| {
        let fits = |&&index: &&usize| recorded(index) && fits(&states[index]);
        chosen.iter().filter(fits).count()
    };
    let before = Before {
        trials: is(|_| true),
        diverged: is(TrialState::is_diverged),
        stopped: is(TrialState::is_stopped),
        in_results: is(TrialState::is_in_results),
    };
    let mut todo: Vec<usize> = chosen
        .iter()
        .copied()
        .filter(|&index| !recorded(index))
        .collect();
    preflight::check(&session, todo.iter().map(|&index| &session.trials[index]))?;
    // One seed of every point before the second of any: what is there when a sweep is stopped can
    // be compared, and the slow phases of a machine fall on all points alike.
    let seeds = &session.sweep.seeds;
    // Speeds come last: they are measured with nothing else at work.
    todo.sort_by_key(|&index| {
        let trial = &session.trials[index];
        let seed = seeds.iter().position(|&other| other == trial.seed);
        (trial.runs_alone(), seed)
    });

    let summary = if todo.is_empty() {
        ui::say(&format!("nothing to run: {}", before.text(&session)));
        if args.runs.rerun && before.trials > 0 {
            ui::say(&format!(
                "--rerun runs what only a results folder knows, what was stopped early, and what lacks the weights \
                 that `save` asks for: to run another trial anew, delete its folder in {}",
                session.store.root().join("trials").display()
            ));
        }
        session.store.tidy();
        RunSummary::default()
    } else {
        session.prepare(&args.place, &todo)?;
        for &index in &todo {
            if session.runs_again(index, &states[index]) {
                session.store.retract(&session.trials[index].id)?;
            }
        }
        execute(args, &session, &provenance, todo, before.trials)?
    };
    say_where_weights_are_not(&session, &chosen)?;
    let published = if args.shown.no_report {
        None
    } else {
        conclude(&session, &provenance, &summary)?
    };
    let exit = tell(
        args,
        &session,
        (before, chosen.len()),
        &summary,
        published.as_ref(),
    )?;
    match summary.halted {
        Some(error) => Err(error),
        None if exit == Exit::Done && before.diverged > 0 => Ok(Exit::TrialFailed),
        None => Ok(exit),
    }
}

/// What was recorded before this run.
#[derive(Clone, Copy)]
struct Before {
    trials: usize,
    diverged: usize,
    stopped: usize,
    /// Of which the working folder knows nothing.
    in_results: usize,
}

impl Before {
    fn text(&self, session: &Session) -> String {
        let mut text = format!("{} trials done", self.trials);
        if self.diverged > 0 {
            text.push_str(&format!(", {} of them diverged", self.diverged));
        }
        if self.stopped > 0 {
            text.push_str(&format!(
                ", {} of them stopped early: `--rerun` runs them whole",
                self.stopped
            ));
        }
        if self.in_results > 0 {
            let folder = session.results.display();
            text.push_str(&format!(
                "; {} of them are known from {folder} alone: `--rerun` runs them here",
                self.in_results
            ));
        }
        text
    }
}

/// Refuses to run into a results folder that cannot be read or written.
fn check_results(session: &Session) -> Result<(), Expected> {
    if session.results.join("trials.parquet").exists() {
        runstore::read_results(&session.results)?;
    }
    let there = session.results.ancestors().find(|above| above.exists());
    // A relative path begins in the current folder; the file has no name, so that no kill leaves it.
    let there = there.filter(|above| !above.as_os_str().is_empty());
    tempfile::tempfile_in(there.unwrap_or(Path::new(".")))
        .map(drop)
        .map_err(|error| Expected::io(format!("write into {}", session.results.display()), error))
}

/// A finished trial that was run without `save` has no weights, and does not run again to get them unless it
/// is asked for.
fn say_where_weights_are_not(session: &Session, chosen: &[usize]) -> Result<(), Expected> {
    let mut without = 0;
    for &index in chosen {
        let state = session.store.state(&session.trials[index].id)?;
        without += usize::from(session.lacks_weights(index, &state));
    }
    if without > 0 {
        let trials = if without == 1 {
            "trial has"
        } else {
            "trials have"
        };
        ui::say(&format!(
            "{without} finished {trials} no weights, having run without `save`: this command with `--rerun` \
             runs them again"
        ));
    }
    Ok(())
}

/// Refuses to run what a commit would not reproduce.
pub(super) fn refuse_if_changed(frozen: bool, provenance: &Provenance) -> Result<(), Expected> {
    let why = match (frozen, provenance.git_dirty) {
        (true, Some(true)) => "tracked source files differ from their commit",
        (true, None) => "the program was not built in a git checkout",
        _ => return Ok(()),
    };
    Err(Expected::new(
        Exit::Refused,
        format!("refused by --frozen: {why}"),
        "commit the changes and build again, or run without --frozen",
    ))
}

fn execute(
    args: &SweepArgs,
    session: &Session,
    provenance: &Provenance,
    todo: Vec<usize>,
    before: usize,
) -> Result<RunSummary, Expected> {
    let work = &args.place.places.work;
    let log = ui::log_to_file(work, &session.sweep.name)?;
    signals::listen()?;
    ui::say(&format!(
        "{} ({}): {} trials to run on {}, {before} done before; log: {}",
        session.sweep.name,
        session.sweep.scale,
        todo.len(),
        session.device,
        log.display()
    ));
    let threads = share_of_threads(args.runs.threads, args.jobs);
    let snapshot = session.snapshot()?;
    let alone = share_of_threads(args.runs.threads, 1);
    let mut flags = runner::flags(session, &args.select, &args.place.places);
    if args.runs.rerun {
        flags.push("--rerun".into());
    }
    let mut executor = ProcessExecutor::new(snapshot.into(), flags, threads, alone);
    let ledger = StoreLedger {
        store: &session.store,
        provenance,
        device: session.device,
    };
    let mut watcher = ui::watcher(todo.len() + before, before, args.shown.tui);
    let options = RunOptions {
        jobs: usize::from(args.jobs),
        fail_fast: args.fail_fast,
        retries: args.retries.unwrap_or(session.sweep.run.retries),
        limit: args
            .time_limit
            .or(session.sweep.run.time_limit)
            .map(|time| Limit { time, grace: GRACE }),
        patience: PATIENCE,
    };
    runner::run(
        &session.trials,
        todo,
        options,
        (&mut executor, &ledger, watcher.as_mut()),
        &signals::SIGNALS,
    )
}

fn conclude(
    session: &Session,
    provenance: &Provenance,
    summary: &RunSummary,
) -> Result<Option<Published>, Expected> {
    let states = session.states()?;
    if !states.iter().any(TrialState::is_recorded) {
        tracing::warn!(
            interrupted = summary.interrupted,
            "no trial has finished: no results"
        );
        return Ok(None);
    }
    // What stands there already stays as it is: a clone is not changed by looking.
    if states
        .iter()
        .filter(|state| state.is_recorded())
        .all(TrialState::is_in_results)
        && Published::is_whole(session, &states)?
    {
        return Published::before(session).map(Some);
    }
    publish(session, provenance).map(Some)
}

/// Says how it went, and gives the exit code.
fn tell(
    args: &SweepArgs,
    session: &Session,
    (before, chosen): (Before, usize),
    summary: &RunSummary,
    published: Option<&Published>,
) -> Result<Exit, Expected> {
    let done = summary.count(|outcome| matches!(outcome, Outcome::Done(_)));
    let diverged = summary.count(|outcome| matches!(outcome, Outcome::Diverged));
    let stopped = summary.count(|outcome| matches!(outcome, Outcome::Stopped(_)));
    let failed: Vec<Failure> = summary
        .outcomes
        .iter()
        .filter_map(|(index, outcome)| match outcome.inner() {
            Outcome::Failed(error) => Some(Failure {
                trial: session.trials[*index].id.short(),
                error: error.clone(),
            }),
            _ => None,
        })
        .collect();
    let outstanding = chosen - before.trials - done - diverged - stopped - failed.len();
    let exit = if let Some(error) = &summary.halted {
        error.exit()
    } else if summary.interrupted {
        Exit::Interrupted
    } else if diverged > 0 || !failed.is_empty() {
        Exit::TrialFailed
    } else if outstanding > 0 {
        Exit::Outstanding
    } else {
        Exit::Done
    };
    if args.shown.json {
        ui::json(&Summary {
            sweep: session.sweep.facts(),
            device: session.device.to_string(),
            trials: session.trials.len(),
            before: before.trials,
            in_results: before.in_results,
            done,
            diverged,
            stopped,
            failed,
            retried: summary.retried.len(),
            outstanding,
            results: published,
            exit: exit.code(),
        });
        return Ok(exit);
    }
    if let Some(published) = published {
        ui::cells(session, &published.collected, &published.manifest);
    }
    for failure in &failed {
        ui::say(&format!("failed: {} {}", failure.trial, failure.error));
    }
    if !summary.outcomes.is_empty() {
        let earlier = match before.trials {
            0 => String::new(),
            trials => format!(" ({trials} before)"),
        };
        let stopped = match before.stopped + stopped {
            0 => String::new(),
            trials => format!("{trials} stopped early, "),
        };
        ui::say(&format!(
            "{} done{earlier}, {} diverged, {stopped}{} failed, {outstanding} outstanding",
            before.trials - before.diverged - before.stopped + done,
            before.diverged + diverged,
            failed.len()
        ));
    }
    if !summary.retried.is_empty() {
        let trials = match summary.retried.len() {
            1 => "1 trial was".to_owned(),
            trials => format!("{trials} trials were"),
        };
        ui::say(&format!("{trials} started more than once"));
    }
    if outstanding > 0 {
        ui::say("run the same command again to go on with what is not done");
    } else if !failed.is_empty() {
        ui::say("the same command tries what failed again");
    }
    if let Some(published) = published {
        published.tell();
    }
    Ok(exit)
}
