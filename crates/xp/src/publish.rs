//! From finished trials to tables, figures and the report.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use runstore::{Collected, Manifest, Provenance, TrialId, tables::TrialStatus};
use serde::Serialize;

use crate::{exit::Expected, jobs, report, session::Session};

/// What was written where.
#[derive(Debug, Serialize)]
pub(crate) struct Published {
    /// The results folder.
    pub(crate) folder: PathBuf,
    /// The report, when it could be written.
    pub(crate) report: Option<PathBuf>,
    #[serde(skip)]
    pub(crate) collected: Collected,
}

/// Collects the records of a sweep's trials and writes everything that is made from them.
pub(crate) fn publish(session: &Session, provenance: &Provenance) -> Result<Published, Expected> {
    let ids: Vec<TrialId> = session.trials.iter().map(|trial| trial.id).collect();
    let mut collected = session.store.collect(&ids)?;
    carry_over(&mut collected, &ids, &session.results);
    let mut manifest = Manifest {
        sweep: session.sweep.name.clone(),
        question: Some(session.sweep.question.clone()),
        scale: session.sweep.scale.clone(),
        device: session.device.to_string(),
        device_name: Some(session.device.describe()),
        backend: session.device.backend().to_owned(),
        provenance: provenance.clone(),
        threads: collected
            .trials
            .iter()
            .filter_map(|row| row.threads)
            .next_back(),
        command: runstore::tidy_command(std::env::args()),
        overrides: session.sweep.overrides.clone(),
        data: session
            .trials
            .iter()
            .flat_map(|trial| trial.data.clone())
            .collect(),
        ..Manifest::default()
    };
    manifest.describe(&collected);
    let manifest = runstore::write_results(&session.results, &collected, &manifest)?;
    let report = match report::write(&collected, &manifest, &session.results) {
        Ok(files) => Some(files.html),
        Err(error) => {
            // The tables are what counts: a figure that cannot be drawn does not undo them.
            tracing::error!(%error, "the report could not be written");
            crate::ui::say(&format!(
                "warning: the report could not be written: {error}"
            ));
            None
        }
    };
    Ok(Published {
        folder: session.results.clone(),
        report,
        collected,
    })
}

/// Adds trials of this sweep that the results folder has and the working folder has not: those of a
/// clone, whose working folder is empty, must survive the first trial that is run in it.
fn carry_over(collected: &mut Collected, ids: &[TrialId], folder: &Path) {
    if !folder.join("trials.parquet").exists() {
        return;
    }
    let before = match runstore::read_results(folder) {
        Ok(before) => before,
        Err(error) => {
            tracing::warn!(%error, "results that cannot be read are replaced");
            return;
        }
    };
    let known: BTreeSet<String> = collected
        .trials
        .iter()
        .map(|row| row.trial_id.clone())
        .collect();
    let wanted: BTreeSet<String> = ids.iter().map(TrialId::full).collect();
    let missing = |id: &String| wanted.contains(id) && !known.contains(id);
    let finished: BTreeSet<String> = before
        .trials
        .iter()
        .filter(|row| row.status != TrialStatus::Failed && missing(&row.trial_id))
        .map(|row| row.trial_id.clone())
        .collect();
    let carried = |id: &String| finished.contains(id);
    let Collected {
        trials,
        steps,
        experts,
        tokens,
        alarms,
        probabilities,
        histograms,
        speeds,
    } = before;
    collected
        .trials
        .extend(trials.into_iter().filter(|row| carried(&row.trial_id)));
    collected
        .steps
        .extend(steps.into_iter().filter(|row| carried(&row.trial_id)));
    collected
        .experts
        .extend(experts.into_iter().filter(|row| carried(&row.trial_id)));
    collected
        .tokens
        .extend(tokens.into_iter().filter(|row| carried(&row.trial_id)));
    collected
        .alarms
        .extend(alarms.into_iter().filter(|row| carried(&row.trial_id)));
    let kept = probabilities.into_iter();
    collected
        .probabilities
        .extend(kept.filter(|row| carried(&row.trial_id)));
    let kept = histograms.into_iter();
    collected
        .histograms
        .extend(kept.filter(|row| carried(&row.trial_id)));
    let kept = speeds.into_iter();
    collected
        .speeds
        .extend(kept.filter(|row| carried(&row.trial_id)));
}

/// Threads that one trial gets when this many run at once.
pub(crate) fn share_of_threads(asked: Option<u16>, jobs: u16) -> usize {
    match asked {
        Some(threads) => usize::from(threads),
        None => (jobs::threads() as usize / usize::from(jobs.max(1))).max(1),
    }
}
