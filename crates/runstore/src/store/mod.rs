//! The working folder of a sweep: what is done, who runs what, and what was left half-way.
//!
//! ```text
//! <work>/<sweep>/<scale>-<device>/
//!   trials/<id>/        one finished trial: trial.json, its tables, model/ where one is kept
//!   failed/<id>.json    the last failed attempt; the trial runs again
//!   claims/kind         whether claims are locks, or leases where machines share the folder
//!   claims/<id>.lock    locked by the process that runs the trial; holds its process id
//!   claims/gate         locked for the moment in which a lock is taken or looked at
//!   claims/<id>.<token>.lease    made by the process that runs the trial; the highest token counts
//!   live/<id>.jsonl     what a running trial tells of itself; gone when it ends
//!   checkpoints/<id>/   numbered generations, the latest complete one counts
//!   other-runs/<id>-<digest>/    a run of a trial of which another stands
//!   tmp/                what is not yet published; its names begin with the trial's id
//! ```
//!
//! Three rules make it safe to kill anything at any moment:
//!
//! 1. Everything is written under `tmp/`, reaches the disk, and is then renamed into place, so that
//!    what stands under `trials/` is whole. Only that decides what is done.
//! 2. The process that runs a trial holds its claim, which becomes free when the process ends, however
//!    it ends (`claims`). After taking a claim one looks again whether the trial is published, so that
//!    no trial runs to completion twice.
//! 3. What a dead process left under `tmp/` is removed by the next one that opens the store or
//!    claims the trial: only under that trial's claim.

mod adopt;
mod checkpoint;
mod claim;
mod claims;
mod folder;
mod hygiene;
mod layout;
mod live;
mod part;
mod state;

pub use adopt::Adopted;
pub use checkpoint::{Checkpoint, CheckpointSlot, PendingCheckpoint};
pub use claim::{Claim, ClaimOutcome, FailureRecord, Turn};
pub use folder::Store;
pub use layout::is_name;
pub use live::LiveLog;
pub use state::TrialState;

pub(crate) use part::read_part;
