//! The handle on a working folder.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use super::claims::Claims;
use super::layout::{Layout, owner};
use super::part::{self, read_row};
use super::{Claim, ClaimOutcome, FailureRecord, Turn, read_part};
use crate::tables::Collected;
use crate::tables::{StepRow, TrialRow, TrialStatus};
use crate::{Error, TrialId, durable};

/// The working folder of one sweep at one scale on one device; see the [module](super).
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) layout: Layout,
    pub(super) claims: Claims,
}

impl Store {
    /// Opens the folder `<work>/<sweep>/<variant>` to run trials: makes it, and removes what dead
    /// processes left. The variant is `<scale>-<device>`.
    ///
    /// # Errors
    ///
    /// When a name cannot be a folder's or the folder cannot be written, and when this machine cannot hold claims
    /// as the folder has them.
    pub fn open(work: &Path, sweep: &str, variant: &str) -> Result<Self, Error> {
        let layout = Layout::new(work, sweep, variant)?;
        layout.create()?;
        let claims = Claims::open(&layout)?;
        let store = Self { layout, claims };
        store.tidy();
        Ok(store)
    }

    /// Opens the folder to look at only: nothing is made or removed, and it need not be there.
    ///
    /// # Errors
    ///
    /// When a name cannot be a folder's.
    pub fn view(work: &Path, sweep: &str, variant: &str) -> Result<Self, Error> {
        let layout = Layout::new(work, sweep, variant)?;
        let claims = Claims::view(&layout);
        Ok(Self { layout, claims })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        self.layout.root()
    }

    /// The folder of a published trial.
    pub fn trial_dir(&self, id: &TrialId) -> PathBuf {
        self.layout.trial(id)
    }

    /// The folder of the model that a published trial kept, when it kept one.
    pub fn model_dir(&self, id: &TrialId) -> Option<PathBuf> {
        Some(self.layout.trial(id).join(part::MODEL)).filter(|folder| folder.is_dir())
    }

    /// Checks that the model that a published trial kept is still the one that was written.
    ///
    /// # Errors
    ///
    /// When one of its files is another, is gone or was added, and when one cannot be read.
    pub fn check_model(&self, id: &TrialId) -> Result<(), Error> {
        part::check_model(&self.layout.trial(id))
    }

    /// The ids of all published trials, sorted.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn published(&self) -> Result<Vec<TrialId>, Error> {
        owners(&self.layout.trials())
    }

    /// The ids of trials that were begun, published or not: those that failed or left a checkpoint, too.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn begun(&self) -> Result<Vec<TrialId>, Error> {
        let layout = &self.layout;
        let mut ids = self.published()?;
        ids.extend(owners(&layout.failures())?);
        ids.extend(owners(&layout.all_checkpoints())?);
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// When each trial was published, in no order.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn recent(&self) -> Result<Vec<(SystemTime, TrialId)>, Error> {
        let published = self.published()?.into_iter();
        let timed = published.map(|id| {
            let path = self.layout.trial(&id);
            let modified = std::fs::metadata(&path).and_then(|data| data.modified());
            Ok((modified.map_err(|source| Error::read(&path, source))?, id))
        });
        timed.collect()
    }

    /// The row of a published trial; `None` where it is not published.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn row(&self, id: &TrialId) -> Result<Option<TrialRow>, Error> {
        read_row(&self.layout.trial(id))
    }

    /// The logged steps of a trial that is done; `None` of any other.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub fn steps(&self, id: &TrialId) -> Result<Option<Vec<StepRow>>, Error> {
        part::read_steps(&self.layout.trial(id))
    }

    /// Asks for the right to run a trial. In a folder that machines share this may take the time in which a holder
    /// must give a sign of life.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read or written.
    pub fn claim(&self, id: &TrialId) -> Result<ClaimOutcome, Error> {
        self.claim_unless(id, &AtomicBool::new(false))
    }

    /// The same, but waits for no sign of life once `stop` is set: then the trial is held.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read or written.
    pub fn claim_unless(&self, id: &TrialId, stop: &AtomicBool) -> Result<ClaimOutcome, Error> {
        let Some(hold) = self.claims.take(&id.full(), stop)? else {
            return Ok(ClaimOutcome::Held);
        };
        // Looked at only now: before, another runner could still publish.
        if self.layout.trial(id).exists() {
            return Ok(ClaimOutcome::AlreadyDone);
        }
        self.sweep_trial(id)?;
        Ok(ClaimOutcome::Claimed(Claim::new(self.clone(), *id, hold)))
    }

    /// Takes the turn at something that one process at a time may do with this folder, such as submitting it; `None`
    /// when another has it. A folder that was opened to look at only is made.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read or written.
    pub fn turn(&self, name: &str) -> Result<Option<Turn>, Error> {
        self.layout.create()?;
        let claims = Claims::open(&self.layout)?;
        let hold = claims.take(name, &AtomicBool::new(false))?;
        Ok(hold.map(|hold| Turn { _hold: hold }))
    }

    /// Records a failure on behalf of a process that died before it could. Says whether it was
    /// recorded: it is not when the trial is done after all or another process runs it by now.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read or written.
    pub fn fail_unclaimed(&self, id: &TrialId, record: FailureRecord) -> Result<bool, Error> {
        match self.claim(id)?.claimed() {
            Some(claim) => claim.fail(record).map(|()| true),
            None => Ok(false),
        }
    }

    /// Takes a published trial back, so that it runs again. Says whether there was one.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read or written.
    pub fn retract(&self, id: &TrialId) -> Result<bool, Error> {
        let published = self.layout.trial(id);
        let retract = || {
            if !published.exists() {
                return Ok(false);
            }
            let scratch = self.layout.scratch(id);
            durable::rename(&published, &scratch)?;
            durable::remove(&scratch).map(|()| true)
        };
        Ok(self
            .claims
            .while_free(&id.full(), retract)?
            .unwrap_or(false))
    }

    /// Keeps a copy of a sweep file, given with its name and followed by the files that it includes, and
    /// returns the path of the copy. It is named by the digest of the texts, or, where there are several, they
    /// are in a folder of that name. A copy that was damaged is written anew.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    ///
    /// # Panics
    ///
    /// When there is no file.
    pub fn keep_sweep(&self, files: &[(&str, &str)]) -> Result<PathBuf, Error> {
        let folder = self.layout.root().join("sweeps");
        let (&(main, text), others) = files.split_first().expect("a sweep is a file");
        if others.is_empty() {
            let digest = durable::digest(text.as_bytes());
            let path = folder.join(format!("{}.toml", &digest[..12]));
            return self.keep(&path, text).map(|()| path);
        }
        let whole: Vec<String> = files
            .iter()
            .map(|(name, text)| format!("{name}\n{}\n", durable::digest(text.as_bytes())))
            .collect();
        let folder = folder.join(&durable::digest(whole.concat().as_bytes())[..12]);
        for (name, text) in others {
            self.keep(&folder.join(name), text)?;
        }
        let path = folder.join(main).with_extension("toml");
        self.keep(&path, text).map(|()| path)
    }

    fn keep(&self, path: &Path, text: &str) -> Result<(), Error> {
        if durable::read_if_there(path)?.is_none_or(|kept| kept != text.as_bytes()) {
            path.parent().map_or(Ok(()), durable::make_dir)?;
            self.replace(path, text.as_bytes())?;
        }
        Ok(())
    }

    /// A small note of the program's own in the folder; `None` when there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn note(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        durable::read_if_there(&self.layout.root().join(name))
    }

    /// Writes such a note, when it says something new.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write_note(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        if self.note(name)?.is_some_and(|kept| kept == bytes) {
            return Ok(());
        }
        self.replace(&self.layout.root().join(name), bytes)
    }

    /// Inside the gate, so that its temporary file is not taken for a dead process's.
    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let tmp = self.layout.tmp();
        self.claims
            .gated(|| durable::write_atomic(path, bytes, &tmp, "shared"))
    }

    /// Reads the records of these trials: those that are done, diverged, stopped or failed. The others have
    /// none and are left out.
    ///
    /// # Errors
    ///
    /// When a record cannot be read.
    pub fn collect(&self, ids: &[TrialId]) -> Result<Collected, Error> {
        let mut collected = Collected::default();
        for id in ids {
            if let Some(record) = read_part(&self.layout.trial(id))? {
                collected.add(record);
            } else if let Some(failure) = self.failure(id)? {
                let mut row = failure.row;
                row.status = TrialStatus::Failed;
                row.error = Some(failure.error);
                collected.trials.push(row);
            }
        }
        Ok(collected)
    }
}

/// The trials that the files of a folder belong to, sorted.
fn owners(folder: &Path) -> Result<Vec<TrialId>, Error> {
    let paths = durable::entries(folder)?;
    Ok(paths.iter().filter_map(|path| owner(path)).collect())
}
