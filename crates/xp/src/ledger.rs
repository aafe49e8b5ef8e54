//! The store, as the scheduler sees it.

use runstore::{FailureRecord, Provenance, Store, TrialState};

use crate::{config::Trial, device::DeviceChoice, row::trial_row, runner::Ledger};

/// A sweep's store, with what a failure record needs.
pub(crate) struct StoreLedger<'a> {
    pub(crate) store: &'a Store,
    pub(crate) provenance: &'a Provenance,
    pub(crate) device: DeviceChoice,
}

impl Ledger for StoreLedger<'_> {
    fn state(&self, trial: &Trial) -> Result<TrialState, runstore::Error> {
        self.store.state(&trial.id)
    }

    fn record_failure(
        &self,
        trial: &Trial,
        error: &str,
        exit: &str,
    ) -> Result<(), runstore::Error> {
        let name = self.device.describe();
        let mut row = trial_row(trial, self.provenance, self.device, &name);
        row.finished_at = runstore::now();
        let record = FailureRecord {
            row,
            error: error.to_owned(),
            exit: Some(exit.to_owned()),
        };
        self.store.fail_unclaimed(&trial.id, record).map(|_| ())
    }
}
