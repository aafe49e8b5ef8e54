//! Where things stand in a working folder.

use std::path::{Path, PathBuf};

use crate::{Error, TrialId, durable};

/// The names of one working folder.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(super) fn new(work: &Path, sweep: &str, variant: &str) -> Result<Self, Error> {
        check_name("sweep", sweep)?;
        check_name("scale and device", variant)?;
        Ok(Self {
            root: work.join(sweep).join(variant),
        })
    }

    pub(super) fn create(&self) -> Result<(), Error> {
        let folders = [
            self.trials(),
            self.failures(),
            self.claims(),
            self.all_checkpoints(),
            self.tmp(),
        ];
        folders
            .iter()
            .try_for_each(|folder| durable::make_dir(folder))
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn trials(&self) -> PathBuf {
        self.root.join("trials")
    }

    pub(super) fn trial(&self, id: &TrialId) -> PathBuf {
        self.trials().join(id.full())
    }

    pub(super) fn failures(&self) -> PathBuf {
        self.root.join("failed")
    }

    pub(super) fn failure(&self, id: &TrialId) -> PathBuf {
        self.failures().join(format!("{}.json", id.full()))
    }

    pub(super) fn claims(&self) -> PathBuf {
        self.root.join("claims")
    }

    pub(super) fn claim(&self, id: &TrialId) -> PathBuf {
        self.claims().join(format!("{}.lock", id.full()))
    }

    pub(super) fn gate(&self) -> PathBuf {
        self.claims().join("gate")
    }

    pub(super) fn all_checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    pub(super) fn checkpoints(&self, id: &TrialId) -> PathBuf {
        self.all_checkpoints().join(id.full())
    }

    pub(super) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// A path under `tmp/` that nobody else uses.
    pub(super) fn scratch(&self, id: &TrialId) -> PathBuf {
        self.tmp()
            .join(format!("{}-{}", id.full(), durable::unique_suffix()))
    }
}

/// The trial that a name in one of the folders belongs to: its first 64 characters.
pub(super) fn owner(path: &Path) -> Option<TrialId> {
    path.file_name()?.to_str()?.get(..64)?.parse().ok()
}

fn check_name(what: &'static str, name: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(Error::Name {
            what,
            name: name.to_owned(),
        });
    }
    Ok(())
}
