//! `xp plan` and `xp status`.

use std::collections::{BTreeMap, BTreeSet};

use runstore::{
    TrialId, TrialState,
    tables::{TrialRow, TrialStatus},
};
use serde::Serialize;

use super::vocabularies::Vocabularies;
use crate::{
    cli::PlanArgs,
    config::{AxisValue, NO_VALUE, SweepFacts, Trial},
    exit::{Exit, Expected},
    jobs::Sizes,
    pick, preflight,
    session::Session,
    submit,
    ui::{self, Align},
};

#[derive(Serialize)]
struct Plan<'a> {
    sweep: SweepFacts<'a>,
    device: String,
    results: String,
    duplicates: usize,
    states: BTreeMap<&'static str, usize>,
    #[serde(flatten)]
    cut_short: CutShort,
    /// Which data are not here, where trials have no ids for that reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_data: Option<&'a str>,
    trials: Vec<Planned<'a>>,
}

/// How many of the recorded trials did not reach their last step, wherever they are recorded.
#[derive(Serialize)]
struct CutShort {
    diverged: usize,
    stopped: usize,
}

impl CutShort {
    fn of(states: &[TrialState]) -> Self {
        Self {
            diverged: states.iter().filter(|state| state.is_diverged()).count(),
            stopped: states.iter().filter(|state| state.is_stopped()).count(),
        }
    }

    /// `1 diverged and 2 were stopped early`, where any did.
    fn words(&self) -> Option<String> {
        let diverged = (self.diverged > 0).then(|| format!("{} diverged", self.diverged));
        let stopped = match self.stopped {
            0 => None,
            1 => Some("1 was stopped early".to_owned()),
            several => Some(format!("{several} were stopped early")),
        };
        let words: Vec<String> = diverged.into_iter().chain(stopped).collect();
        (!words.is_empty()).then(|| words.join(" and "))
    }
}

#[derive(Serialize)]
struct Planned<'a> {
    /// `None` where its data, which are a part of it, are not known.
    id: Option<String>,
    axes: &'a [AxisValue],
    seed: u64,
    #[serde(flatten)]
    sizes: Option<Sizes>,
    /// What a step holds, where a pretrained model's headers tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_memory_bytes: Option<u64>,
    state: &'static str,
    would_run: bool,
    why: String,
}

pub(super) fn plan(args: &PlanArgs) -> Result<Exit, Expected> {
    let session = Session::open(&args.select, &args.place)?;
    let (picked, states) = picked(args, &session)?;
    let due = picked.iter().zip(&states);
    let due = due.filter(|(_, state)| !state.is_recorded());
    preflight::check(&session, due.map(|(trial, _)| *trial))?;
    let mut vocabularies = Vocabularies::of(&session);
    let recorded = runstore::read_trials(&session.results)?;
    let trials = picked.iter().zip(&states).map(|(trial, state)| {
        let job = trial.settings.job();
        let of_model = job.of_model(&session.data);
        Planned {
            id: trial.known_id().map(|id| id.full()),
            axes: &trial.axes,
            seed: trial.seed,
            // Where its text is not here, those of its record.
            sizes: vocabularies
                .sizes(job)
                .or(of_model.map(|known| known.sizes))
                .or_else(|| sizes_of(&recorded, trial)),
            estimated_memory_bytes: of_model.map(|known| known.memory_bytes),
            state: state.name(),
            would_run: !state.is_recorded(),
            why: why(trial, state),
        }
    });
    let plan = Plan {
        sweep: session.sweep.facts(),
        device: session.device.to_string(),
        results: session.results.display().to_string(),
        duplicates: session.duplicates,
        trials: trials.collect(),
        cut_short: CutShort::of(&states),
        missing_data: session.sources.unknown(),
        states: count(&states),
    };
    if args.json {
        ui::json(&plan);
    } else {
        show(&session, &picked, &plan);
        say_what_is_missing(&session);
    }
    Ok(Exit::Done)
}

/// The sizes that the record of a trial has.
fn sizes_of(recorded: &[TrialRow], trial: &Trial) -> Option<Sizes> {
    let id = trial.known_id()?.full();
    let row = recorded.iter().find(|row| row.trial_id == id)?;
    let number = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok());
    Some(Sizes {
        params_total: number(row.params_total)?,
        params_active: number(row.params_active)?,
        params_router: number(row.params_router)?,
    })
}

/// Why trials have no ids, and what to do about it.
fn say_what_is_missing(session: &Session) {
    if let Some(why) = session.sources.unknown() {
        ui::advise(&format!(
            "trials without an id will have one when their data are here: {why}"
        ));
    }
}

/// The trials that are meant, and their states.
fn picked<'a>(
    args: &PlanArgs,
    session: &'a Session,
) -> Result<(Vec<&'a Trial>, Vec<TrialState>), Expected> {
    let states = session.states()?;
    let chosen = pick::chosen(session, &args.pick)?;
    let pairs = chosen
        .iter()
        .map(|&index| (&session.trials[index], states[index].clone()));
    Ok(pairs.unzip())
}

pub(super) fn status(args: &PlanArgs) -> Result<Exit, Expected> {
    let session = Session::open(&args.select, &args.place)?;
    let (picked, states) = picked(args, &session)?;
    let counts = count(&states);
    if args.json {
        ui::json(&counts);
    } else {
        ui::data(&format!("{}\n  {}", title(&session), counted(&counts)));
        if let Some(words) = CutShort::of(&states).words() {
            ui::data(&format!("  of those recorded, {words}"));
        }
        for (trial, state) in picked.iter().zip(&states) {
            if let TrialState::Failed { error }
            | TrialState::Diverged { error: Some(error) }
            | TrialState::Stopped {
                reason: Some(error),
            } = state
            {
                ui::data(&format!("  {} {} {error}", trial.id, state.name()));
            }
            if let Some(kinds) = session.store.alarms(&trial.id)? {
                ui::data(&format!("  {} alarms: {kinds}", trial.id));
            }
        }
        say_what_waits(&session, &picked, &states);
        say_what_is_missing(&session);
    }
    let failed = |state: &TrialState| matches!(state, TrialState::Failed { .. });
    let wrong = |state: &TrialState| failed(state) || state.is_diverged();
    Ok(if states.iter().any(wrong) {
        Exit::TrialFailed
    } else if states.iter().all(TrialState::is_recorded) {
        Exit::Done
    } else {
        Exit::Outstanding
    })
}

/// What schedulers have of the trials, by their words for it.
fn say_what_waits(session: &Session, picked: &[&Trial], states: &[TrialState]) {
    let open = picked.iter().zip(states);
    let open = open.filter(|(_, state)| !state.is_recorded());
    let open: BTreeSet<TrialId> = open.filter_map(|(trial, _)| trial.known_id()).collect();
    let known = submit::waiting(&session.store, |id| open.contains(id));
    for (id, found) in known.trials {
        let (state, engine, log) = (found.state, found.engine, found.log);
        ui::data(&format!(
            "  {id} {state} in {engine}; log: {}",
            log.display()
        ));
    }
    if known.others > 0 {
        ui::data(&format!(
            "  {} tasks of a scheduler have trials that are not asked for now",
            known.others
        ));
    }
    for said in known.silent {
        ui::say(&format!("no word of what was submitted to {said}"));
    }
}

fn show(session: &Session, picked: &[&Trial], plan: &Plan<'_>) {
    let mut header = vec![("trial", Align::Left)];
    header.extend(
        session
            .sweep
            .axes()
            .iter()
            .map(|axis| (axis.name.as_str(), Align::Left)),
    );
    header.push(("seed", Align::Right));
    let sized = plan.trials.iter().any(|trial| trial.sizes.is_some());
    if sized {
        header.push(("params (active)", Align::Right));
    }
    let estimated = |trial: &Planned<'_>| trial.estimated_memory_bytes.is_some();
    let estimated = plan.trials.iter().any(estimated);
    if estimated {
        header.push(("est. MB", Align::Right));
    }
    header.extend([("state", Align::Left), ("why", Align::Left)]);
    let rows = plan.trials.iter().zip(picked).map(|(planned, trial)| {
        let id = trial.known_id();
        let mut row = vec![id.map_or_else(|| NO_VALUE.to_owned(), |id| id.short())];
        row.extend(planned.axes.iter().map(|axis| axis.value.clone()));
        row.push(planned.seed.to_string());
        if sized {
            row.push(planned.sizes.map_or_else(
                || "-".to_owned(),
                |sizes| {
                    format!(
                        "{} ({})",
                        short(sizes.params_total),
                        short(sizes.params_active)
                    )
                },
            ));
        }
        if estimated {
            let bytes = planned.estimated_memory_bytes;
            row.push(bytes.map_or_else(
                || "-".to_owned(),
                |bytes| format!("{:.0}", bytes as f64 / 1e6),
            ));
        }
        row.extend([planned.state.to_owned(), planned.why.clone()]);
        row
    });
    let table = ui::plain_table(&header, rows.collect());
    let mut text = format!("{}\n  {}\n", title(session), counted(&plan.states));
    if plan.duplicates > 0 {
        text.push_str(&format!(
            "  {} trials ask the same question as another and are one with it\n",
            plan.duplicates
        ));
    }
    for line in table.lines() {
        text.push_str(&format!("  {line}\n"));
    }
    let left = plan.trials.iter().filter(|trial| trial.would_run).count();
    let ended = match plan.cut_short.words() {
        None => "every trial is done".to_owned(),
        Some(words) => format!("every trial is recorded; of them, {words}"),
    };
    if left > 0 {
        let command = ui::this_command("sweep");
        text.push_str(&format!("run the {left} that are not done: {command}"));
    } else {
        text.push_str(&format!("nothing to run: {ended}"));
    }
    ui::data(&text);
}

/// `unified (scale cpu, device cpu): 31 trials (5 strategy x 2 capacity-factor x 3 seeds + 1 of speeds)`; of several
/// grids: `(6 experts + 4 k) x 1 seed`. What stands in the brackets adds up to the trials.
fn title(session: &Session) -> String {
    let sweep = &session.sweep;
    let grids: Vec<String> = sweep
        .grids
        .iter()
        .map(|grid| {
            let sizes = grid
                .iter()
                .map(|axis| format!("{} {}", axis.values.len(), axis.name));
            sizes.collect::<Vec<_>>().join(" x ")
        })
        .collect();
    let points = match grids.as_slice() {
        _ if let Some(sample) = sweep.sample => sample.text(),
        [only] => only.clone(),
        // One without axes is a point.
        several => {
            let sizes = several.iter().map(|grid| match grid.as_str() {
                "" => "1",
                grid => grid,
            });
            format!("({})", sizes.collect::<Vec<_>>().join(" + "))
        }
    };
    let seeds = match sweep.seeds.len() {
        1 => "1 seed".to_owned(),
        several => format!("{several} seeds"),
    };
    let product = [points, seeds].into_iter().filter(|part| !part.is_empty());
    let mut sum = product.collect::<Vec<_>>().join(" x ");
    if session.duplicates > 0 {
        sum.push_str(&format!(" - {} asked twice", session.duplicates));
    }
    let speeds = session.trials.iter().filter(|trial| trial.runs_alone());
    match speeds.count() {
        0 => {}
        speeds => sum.push_str(&format!(" + {speeds} of speeds")),
    }
    format!(
        "{} (scale {}, device {}): {} trials ({sum})\n  {}",
        sweep.name,
        sweep.scale,
        session.device,
        session.trials.len(),
        sweep.question
    )
}

fn count(states: &[TrialState]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for state in states {
        *counts.entry(state.name()).or_default() += 1;
    }
    counts
}

fn counted(counts: &BTreeMap<&'static str, usize>) -> String {
    counts
        .iter()
        .map(|(name, n)| format!("{name} {n}"))
        .collect::<Vec<_>>()
        .join("   ")
}

/// Why a trial would run or not; of one that is of no cell, what it is as well.
fn why(trial: &Trial, state: &TrialState) -> String {
    let reason = reason(state);
    match (trial.runs_alone(), reason.is_empty()) {
        (false, _) => reason,
        (true, true) => trial.cell(),
        (true, false) => format!("{}: {reason}", trial.cell()),
    }
}

fn reason(state: &TrialState) -> String {
    match state {
        TrialState::Done => String::new(),
        TrialState::InResults {
            status: TrialStatus::Done,
        } => "the results folder has it".to_owned(),
        TrialState::InResults { status } => format!("{status}; the results folder has it"),
        TrialState::Missing => "has not run".to_owned(),
        TrialState::Failed { error } => format!("will be tried again: {error}"),
        TrialState::Diverged { error } | TrialState::Stopped { reason: error } => {
            error.clone().unwrap_or_default()
        }
        TrialState::Running { pid, host } => {
            let process = pid.map_or("another process".to_owned(), |pid| format!("process {pid}"));
            let place = host.iter().map(|host| format!(" on {host}"));
            format!("{process}{} runs it", place.collect::<String>())
        }
        TrialState::Interrupted { step } => format!("goes on after step {step}"),
    }
}

/// `3.1 M`.
fn short(count: usize) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{:.1} k", count as f64 / 1e3),
        _ => format!("{:.1} M", count as f64 / 1e6),
    }
}
