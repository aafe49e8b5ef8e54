//! Trials that another working folder of the same sweep has.

use std::path::{Path, PathBuf};

use super::layout::{Layout, owner};
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
    /// The runs of trials that this folder has, each with its folder: those that stand, and the others.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn runs(&self) -> Result<Vec<(TrialId, PathBuf)>, Error> {
        let standing = durable::entries(&self.layout.trials())?;
        let others = durable::entries(&self.layout.other_runs())?;
        let all = standing.into_iter().chain(others);
        Ok(all.filter_map(|path| Some((owner(&path)?, path))).collect())
    }

    /// Takes over a run of a trial from a folder that [`runs`](Self::runs) of another working folder named, with the model
    /// that it kept. Of two runs the one stands that would stand in results ([`Runs`](crate::Runs)), and of the other a
    /// copy is kept in `other-runs/`.
    ///
    /// # Errors
    ///
    /// When a record cannot be read or written, or the other folder has no such trial.
    pub fn adopt(&self, id: &TrialId, theirs: &Path) -> Result<Adopted, Error> {
        let Some(record) = read_part(theirs)? else {
            return Err(Error::corrupt(theirs, "it is gone", "name another folder"));
        };
        let place = self.layout.trial(id);
        let Some(own) = read_part(&place)? else {
            return match self.claim(id)? {
                ClaimOutcome::Claimed(claim) => claim.adopt(theirs).map(|()| Adopted::Added),
                ClaimOutcome::Held => Ok(Adopted::Running),
                // Published meanwhile.
                ClaimOutcome::AlreadyDone => self.adopt(id, theirs),
            };
        };
        if is_same(&own, &record) {
            return Ok(Adopted::Same);
        }
        if stands_before(&own, &record).is_lt() {
            return set_beside(&self.layout, id, theirs).map(Adopted::Beside);
        }
        // Both are whole on this disk before one takes the other's place.
        let kept = set_beside(&self.layout, id, &place)?;
        let (copy, old) = (self.layout.scratch(id), self.layout.scratch(id));
        let replace = || {
            durable::copy_folder(theirs, &copy)?;
            durable::sync_tree(&copy)?;
            durable::rename(&place, &old)?;
            durable::rename(&copy, &place)?;
            durable::remove(&old)
        };
        let replaced = self.claims.while_free(&id.full(), replace);
        if replaced.is_err() {
            // Not reported: the first error says why, and leftovers are swept later.
            let _ = durable::remove(&copy);
        }
        Ok(replaced?.map_or(Adopted::Running, |()| Adopted::Replaced(kept)))
    }
}

/// Keeps a copy of a published trial under a name that says what it holds.
fn set_beside(layout: &Layout, id: &TrialId, trial: &Path) -> Result<PathBuf, Error> {
    let note = trial.join(NOTE);
    let bytes = durable::read(&note).map_err(|source| Error::read(&note, source))?;
    let name = format!("{}-{}", id.full(), &durable::digest(&bytes)[..DIGITS]);
    let target = layout.other_runs().join(name);
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
