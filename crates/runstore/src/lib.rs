//! Trial ids, schemas, the atomic store and the Parquet contract.
//!
//! This crate decides what a trial is called ([`TrialId`]), what its results look like ([`tables`]),
//! who may run it and when it counts as done ([`Store`]), and how results leave the working folder
//! ([`ResultsWriter`]). It decides nothing about what a trial does: settings come as JSON, measures
//! as rows. polars stands behind one private module and appears in no signature.
//!
//! A trial's life:
//!
//! ```
//! use runstore::tables::{CellTable, TrialRow, TrialStatus};
//! use runstore::{ClaimOutcome, Manifest, ResultsWriter, Store, TrialId, TrialRecord, TrialState};
//! # let folder = tempfile::tempdir().unwrap();
//! # let (work, results) = (folder.path().join(".xp"), folder.path().join("results"));
//! let settings = serde_json::json!({ "seed": 17, "moe": { "experts": 8 } });
//! let id = TrialId::of(&settings, &[("tinytales".to_owned(), "ab12".to_owned())].into());
//! let store = Store::open(&work, "unified", "smoke-cpu")?;
//!
//! let ClaimOutcome::Claimed(claim) = store.claim(&id)? else { panic!("nobody else is here") };
//! assert!(matches!(store.claim(&id)?, ClaimOutcome::Held));
//! let trial = TrialRow { status: TrialStatus::Done, seed: 17, ..TrialRow::default() };
//! claim.publish(TrialRecord { trial, ..TrialRecord::default() })?;
//! assert_eq!(store.state(&id)?, TrialState::Done);
//! assert!(matches!(store.claim(&id)?, ClaimOutcome::AlreadyDone));
//!
//! let mut writer = ResultsWriter::create(&results)?;
//! writer.put_tables(&store.collect(&[id])?, &CellTable::default(), &Manifest::default())?;
//! writer.commit()?;
//! assert_eq!(runstore::read_results(&results)?.trials[0].trial_id, id.full());
//! # Ok::<(), runstore::Error>(())
//! ```

mod canonical;
mod durable;
mod error;
mod id;
mod manifest;
mod mounts;
mod parquet;
mod provenance;
mod readme;
mod results;
pub mod store;
pub mod tables;

pub use canonical::canonical_json;
pub use durable::copy_folder;
pub use error::Error;
pub use id::{TrialId, TrialRef, data_digest};
pub use manifest::{Manifest, RanBy, TrialSummary, tidy_command};
pub use parquet::{COLUMNS_KEY, SCHEMA_KEY};
pub use provenance::{Built, Provenance, now, peak_memory_bytes};
pub use readme::readme;
pub use results::{
    ResultsWriter, Runs, aside, further_runs, read_benchmark, read_manifest, read_results,
    read_trials, replace_file, runs_folder, update_benchmark,
};
pub use store::{
    Adopted, Checkpoint, CheckpointSlot, Claim, ClaimOutcome, FailureRecord, LiveLog,
    PendingCheckpoint, Store, TrialState, Turn, is_name,
};
pub use tables::{Collected, TrialRecord};

/// JSON for people to read, with a newline at the end.
fn json_bytes(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("own types have text keys");
    bytes.push(b'\n');
    bytes
}
