//! From finished trials to tables, figures and the report.

use std::path::PathBuf;

use runstore::{Collected, Manifest, Provenance, TrialId};
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
    let collected = session.store.collect(&ids)?;
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

/// Threads that one trial gets when this many run at once.
pub(crate) fn share_of_threads(asked: Option<u16>, jobs: u16) -> usize {
    match asked {
        Some(threads) => usize::from(threads),
        None => (jobs::threads() as usize / usize::from(jobs.max(1))).max(1),
    }
}
