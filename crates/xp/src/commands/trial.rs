//! `xp trial`: one trial, in this process.

use std::{
    panic::{self, AssertUnwindSafe},
    path::Path,
};

use corpora::FetchPolicy;
use runstore::{
    CheckpointSlot, Claim, ClaimOutcome, FailureRecord, TrialRecord, TrialState,
    tables::{Row, TrialRow, TrialStatus},
};

use super::sweep::refuse_if_changed;
use crate::{
    cli::TrialArgs,
    config::Trial,
    device::panic_text,
    exit::{Exit, Expected},
    jobs::{Event, JobContext, JobEnd, JobError, JobKind, Save},
    live::Teller,
    median::MedianRule,
    row::trial_row,
    session::Session,
    signals, ui,
};

pub(super) fn run(args: &TrialArgs) -> Result<Exit, Expected> {
    let result = attempt(args);
    if let (true, Err(error)) = (args.json, &result) {
        ui::json_line(&Event::Refused {
            text: ui::error_text(error),
        });
    }
    result
}

fn attempt(args: &TrialArgs) -> Result<Exit, Expected> {
    super::compute_with(args.runs.threads.map(usize::from))?;
    let mut session = Session::open_to_run(&args.select, &args.place, &args.runs)?;
    let index = session.pick(&args.id)?;
    let json = args.json;
    if let TrialState::InResults { status } = session.states()?[index]
        && !args.runs.rerun
    {
        let folder = session.results.clone();
        tell(json, &Event::InResults { folder, status });
        return Ok(exit_of(status));
    }
    session.prepare(&args.place, &[index])?;
    let id = session.trials[index].id;
    if args.runs.rerun && session.runs_again(index, &session.store.state(&id)?) {
        session.store.retract(&id)?;
    }
    let trial = &session.trials[index];
    let provenance = crate::built::provenance();
    refuse_if_changed(args.runs.frozen, &provenance)?;
    start_logging(args, &args.place.places.work, trial)?;
    signals::listen()?;
    if args.supervised {
        signals::stop_at_end_of_input();
    }
    let claim = match session.store.claim_unless(&trial.id, &signals::STOP)? {
        ClaimOutcome::Claimed(claim) => claim,
        ClaimOutcome::Held => {
            tell(json, &Event::Held);
            return Ok(Exit::Outstanding);
        }
        ClaimOutcome::AlreadyDone => {
            let status = session.store.state(&trial.id)?.status();
            let status = status.unwrap_or(TrialStatus::Done);
            tell(json, &Event::AlreadyDone { status });
            return Ok(exit_of(status));
        }
    };
    // Opened under the claim, so that two runners do not both fill a card.
    let device = session.device.open()?;
    let device_name = session.device.describe();
    let slot = claim.checkpoints()?;
    if let Some(damage) = slot.damage() {
        let text = format!("its checkpoint is damaged and was removed: {damage}; it starts afresh");
        tell(json, &Event::Note { text });
    }
    let row = TrialRow {
        started_at: slot.started_at().to_owned(),
        ..trial_row(trial, &provenance, session.device, &device_name)
    };
    let model_dir = match session.sweep.save {
        Save::None => None,
        Save::Last | Save::Best => Some(claim.model_dir()?),
    };
    // Who asks for a trial again wants the whole of it.
    let stop = session.sweep.stop.filter(|_| !args.runs.rerun);
    let places = (&session.store, &*session.results);
    let rule = stop.map(|config| MedianRule::new(config, trial, &session.trials, places));
    let rule = rule.transpose()?;
    let mut teller = Teller::new(claim.live_log());
    let mut told = |event: Event| {
        teller.tell(&event);
        tell(json, &event);
    };
    let context = JobContext {
        seed: trial.seed,
        device,
        device_name,
        memory: crate::memory::of(session.device),
        data: &session.data,
        fetch: FetchPolicy::Never,
        checkpoint: &slot,
        row: row.clone(),
        model_dir,
        save: session.sweep.save,
        rule: rule.as_ref(),
        stop: &signals::STOP,
        events: &mut told,
    };
    let end = panic::catch_unwind(AssertUnwindSafe(|| trial.settings.job().run(context)));
    // Before the claim, which settling lets go of.
    drop(teller);
    match settle(end, trial.settings.kind(), claim, row, &slot, json) {
        Err(Expected::Store(error @ runstore::Error::TakenOver { .. })) => {
            tracing::warn!(%error, "nothing is recorded");
            tell(
                json,
                &Event::Note {
                    text: error.to_string(),
                },
            );
            tell(json, &Event::Held);
            Ok(Exit::Outstanding)
        }
        settled => settled,
    }
}

/// Records how the job ended.
fn settle(
    end: std::thread::Result<Result<JobEnd, JobError>>,
    job: JobKind,
    claim: Claim,
    row: TrialRow,
    slot: &CheckpointSlot,
    json: bool,
) -> Result<Exit, Expected> {
    let error = match end {
        Ok(Ok(JobEnd::Finished(record))) => {
            return publish(claim, (job, record), TrialStatus::Done, slot, json);
        }
        Ok(Ok(JobEnd::Diverged(record))) => {
            return publish(claim, (job, record), TrialStatus::Diverged, slot, json);
        }
        Ok(Ok(JobEnd::Stopped(record))) => {
            return publish(claim, (job, record), TrialStatus::Stopped, slot, json);
        }
        Ok(Ok(JobEnd::Interrupted { step })) => {
            claim.interrupt()?;
            tell(json, &Event::Interrupted { step });
            return Ok(Exit::Interrupted);
        }
        // Not this trial's fault: every trial of the sweep would meet it.
        Ok(Err(error @ (JobError::Data(_) | JobError::Model(_)))) => return Err(error.into()),
        Ok(Err(error)) => error.to_string(),
        Err(payload) => format!("panicked: {}", panic_text(payload.as_ref())),
    };
    tracing::error!(%error, "the trial failed");
    let row = TrialRow {
        finished_at: runstore::now(),
        ..row
    };
    claim.fail(FailureRecord {
        row,
        error: error.clone(),
        exit: None,
    })?;
    tell(json, &Event::Failed { error });
    Ok(Exit::TrialFailed)
}

fn publish(
    claim: Claim,
    (job, mut record): (JobKind, TrialRecord),
    status: TrialStatus,
    slot: &CheckpointSlot,
    json: bool,
) -> Result<Exit, Expected> {
    let row = &mut record.trial;
    row.status = status;
    if status == TrialStatus::Diverged {
        let usual = || "a loss or gradient stopped being a finite number".to_owned();
        row.error.get_or_insert_with(usual);
    }
    if row.finished_at.is_empty() {
        row.finished_at = runstore::now();
    }
    row.wall_s = row.wall_s.or_else(|| Some(slot.wall_s()));
    row.peak_memory_bytes = row.peak_memory_bytes.or_else(runstore::peak_memory_bytes);
    let told = job.facts().told.iter();
    let mut measures: Vec<_> = told
        .filter_map(|column| Some(((*column).to_owned(), row.value(column)?.number()?)))
        .collect();
    // That all was well needs no word.
    let alarms = row.alarms.filter(|&alarms| alarms > 0);
    if let Some(alarms) = alarms {
        // Before what a narrow line has no room for.
        measures.insert(measures.len().min(1), ("alarms".to_owned(), alarms as f64));
    }
    let event = match status {
        TrialStatus::Stopped => Event::Stopped {
            step: row.steps_done.unwrap_or_default(),
            reason: row.error.clone().unwrap_or_default(),
        },
        status => Event::Finished {
            measures,
            diverged: status == TrialStatus::Diverged,
        },
    };
    claim.publish(record)?;
    tell(json, &event);
    Ok(exit_of(status))
}

/// The exit code of a trial with a record.
const fn exit_of(status: TrialStatus) -> Exit {
    match status {
        TrialStatus::Done | TrialStatus::Stopped => Exit::Done,
        TrialStatus::Diverged | TrialStatus::Failed => Exit::TrialFailed,
    }
}

fn tell(json: bool, event: &Event) {
    tracing::debug!(?event, "told");
    if json {
        ui::json_line(event);
    } else if let Some(text) = ui::event_text(event) {
        ui::say(&text);
    }
}

fn start_logging(args: &TrialArgs, work: &Path, trial: &Trial) -> Result<(), Expected> {
    if args.supervised {
        // The process that started this one keeps the log.
        ui::log_to_stderr();
    } else {
        let log = ui::log_to_file(work, &trial.sweep)?;
        ui::say(&format!(
            "{} {} seed={}; log: {}",
            trial.id,
            trial.cell(),
            trial.seed,
            log.display()
        ));
    }
    Ok(())
}
