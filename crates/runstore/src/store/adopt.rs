//! Trials that another working folder of the same sweep has.

use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::part::{NOTE, read_part};
use super::{Claim, ClaimOutcome, Store};
use crate::results::{is_same, stands_before};
use crate::{Error, TrialId, durable};

/// Digits of a digest in the name of a copy.
const DIGITS: usize = 12;

/// What became of a trial that another working folder has.
#[derive(Debug, PartialEq, Eq)]
pub enum Adopted {
    /// It was not there, and is now.
    Added,
    /// The same run was there.
    Same,
    /// Another run of it was there, which stands; a copy of this one is kept here.
    Beside(PathBuf),
    /// It stands in the place of another run, of which a copy is kept here.
    Replaced(PathBuf),
    /// A process runs it here now, and nothing was done.
    Running,
}

impl Store {
    /// Takes over a trial that another working folder has published, with the model that it kept. Of two runs the one
    /// stands that would stand in results ([`Runs`](crate::Runs)), and of the other a copy is kept in `other-runs/`.
    ///
    /// # Errors
    ///
    /// When a record cannot be read or written, or the other folder has no such trial.
    pub fn adopt(&self, id: &TrialId, from: &Self) -> Result<Adopted, Error> {
        let theirs = from.layout.trial(id);
        let Some(record) = read_part(&theirs)? else {
            return Err(Error::corrupt(&theirs, "it is gone", "name another folder"));
        };
        let place = self.layout.trial(id);
        let Some(own) = read_part(&place)? else {
            return match self.claim(id)? {
                ClaimOutcome::Claimed(claim) => claim.adopt(&theirs).map(|()| Adopted::Added),
                ClaimOutcome::Held => Ok(Adopted::Running),
                // Published meanwhile.
                ClaimOutcome::AlreadyDone => self.adopt(id, from),
            };
        };
        if is_same(&own, &record) {
            return Ok(Adopted::Same);
        }
        if stands_before(&own, &record).is_lt() {
            return set_beside(&self.layout, id, &theirs).map(Adopted::Beside);
        }
        // The copy first: whatever is killed when, nothing is lost, and the next time goes on.
        let kept = set_beside(&self.layout, id, &place)?;
        self.retract(id)?;
        match self.claim(id)?.claimed() {
            Some(claim) => claim.adopt(&theirs).map(|()| Adopted::Replaced(kept)),
            None => Ok(Adopted::Running),
        }
    }
}

/// Keeps a copy of a published trial under a name that says what it holds.
fn set_beside(layout: &Layout, id: &TrialId, trial: &Path) -> Result<PathBuf, Error> {
    let note = trial.join(NOTE);
    let bytes = durable::read(&note).map_err(|source| Error::read(&note, source))?;
    let name = format!("{}-{}", id.full(), &durable::digest(&bytes)[..DIGITS]);
    let target = layout.root().join("other-runs").join(name);
    if !target.exists() {
        let copy = layout.scratch(id);
        durable::copy_folder(trial, &copy)?;
        durable::sync_tree(&copy)?;
        target.parent().map_or(Ok(()), durable::make_dir)?;
        durable::rename(&copy, &target)?;
    }
    Ok(target)
}

impl Claim {
    /// Publishes a copy of a trial of another folder.
    fn adopt(self, theirs: &Path) -> Result<(), Error> {
        durable::copy_folder(theirs, self.staging())?;
        durable::sync_tree(self.staging())?;
        self.publish_staging()
    }
}
