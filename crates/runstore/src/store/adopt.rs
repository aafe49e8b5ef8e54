//! Trials that another working folder of the same sweep has.

use std::path::PathBuf;

use super::part::read_part;
use super::{ClaimOutcome, Store};
use crate::merge::Rank;
use crate::{Error, TrialId, durable};

/// Digits of a digest in the name of a copy.
const DIGITS: usize = 12;

/// What became of a trial that another working folder has.
#[derive(Debug, PartialEq, Eq)]
pub enum Adopted {
    /// It was not there, and is now.
    Added,
    /// It was there, row by row.
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
    /// stands that [`unite`](crate::unite) would let stand, and of the other a copy is kept in `differing/`.
    ///
    /// # Errors
    ///
    /// When a record cannot be read or written, or the other folder has no such trial.
    pub fn adopt(&self, id: &TrialId, from: &Self) -> Result<Adopted, Error> {
        let theirs = from.layout.trial(id);
        let Some(record) = read_part(&theirs)? else {
            return Err(Error::corrupt(&theirs, "it is gone", "name another folder"));
        };
        let Some(own) = read_part(&self.layout.trial(id))? else {
            return match self.claim(id)? {
                ClaimOutcome::Claimed(claim) => claim.adopt(&theirs).map(|()| Adopted::Added),
                ClaimOutcome::Held => Ok(Adopted::Running),
                // Published meanwhile.
                ClaimOutcome::AlreadyDone => self.adopt(id, from),
            };
        };
        let (rank, own_rank) = (Rank::of(&record)?, Rank::of(&own)?);
        if rank == own_rank {
            return Ok(Adopted::Same);
        }
        if own_rank < rank {
            return self.set_beside(id, from, &rank.digest).map(Adopted::Beside);
        }
        // The copy first: whatever is killed when, nothing is lost, and the next time goes on.
        let kept = self.set_beside(id, self, &own_rank.digest)?;
        self.retract(id)?;
        match self.claim(id)?.claimed() {
            Some(claim) => claim.adopt(&theirs).map(|()| Adopted::Replaced(kept)),
            None => Ok(Adopted::Running),
        }
    }

    /// Keeps a copy of a published trial under a name that says which rows it has.
    fn set_beside(&self, id: &TrialId, from: &Self, digest: &str) -> Result<PathBuf, Error> {
        let name = format!("{}-{}", id.full(), &digest[..DIGITS]);
        let target = self.layout.root().join("differing").join(name);
        if !target.exists() {
            let copy = self.layout.scratch(id);
            durable::copy_folder(&from.layout.trial(id), &copy)?;
            durable::sync_tree(&copy)?;
            target.parent().map_or(Ok(()), durable::make_dir)?;
            durable::rename(&copy, &target)?;
        }
        Ok(target)
    }
}
