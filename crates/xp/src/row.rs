//! A trial's row, as far as it is known before the trial has run.

use runstore::{
    Provenance,
    tables::{TrialRow, TrialStatus},
};

use crate::{config::Trial, device::DeviceChoice};

/// The row with identity, settings and provenance; the job adds sizes and outcomes.
pub(crate) fn trial_row(
    trial: &Trial,
    provenance: &Provenance,
    device: DeviceChoice,
    device_name: &str,
) -> TrialRow {
    let question = Trial::question(&trial.settings, trial.seed);
    let mut row = TrialRow {
        trial_id: trial.id.full(),
        sweep: trial.sweep.clone(),
        scale: trial.scale.clone(),
        device: device.to_string(),
        device_name: Some(device_name.to_owned()),
        job: trial.settings.kind().name().to_owned(),
        status: TrialStatus::Done,
        seed: trial.seed,
        settings: runstore::canonical_json(&question),
        data_digest: trial.data.as_ref().and_then(runstore::data_digest),
        started_at: runstore::now(),
        threads: Some(threads()),
        ..TrialRow::default()
    };
    provenance.stamp(&mut row);
    trial.settings.fill(&mut row);
    row
}

/// Threads that this process computes with.
pub(crate) fn threads() -> u64 {
    rayon::current_num_threads() as u64
}
