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

    pub(super) fn claim(&self, name: &str) -> PathBuf {
        self.claims().join(format!("{name}.lock"))
    }

    pub(super) fn lease(&self, name: &str, token: u64) -> PathBuf {
        self.claims().join(format!("{name}.{token:06}.lease"))
    }

    pub(super) fn kind_of_claims(&self) -> PathBuf {
        self.claims().join("kind")
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

    pub(super) fn all_live(&self) -> PathBuf {
        self.root.join("live")
    }

    pub(super) fn live(&self, id: &TrialId) -> PathBuf {
        self.all_live().join(format!("{}.jsonl", id.full()))
    }

    pub(super) fn other_runs(&self) -> PathBuf {
        self.root.join("other-runs")
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
    if !is_name(name) {
        return Err(Error::Name {
            what,
            name: name.to_owned(),
        });
    }
    Ok(())
}

/// Whether a sweep or scale may be called so: letters, digits, `.`, `_` and `-`, beginning with a
/// letter or digit, and nothing that a system or this program has another use for.
pub fn is_name(name: &str) -> bool {
    /// Devices of Windows, whatever ending follows.
    const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];
    /// Folders beside those of sweeps.
    const TAKEN: [&str; 5] = ["logs", "peers", "profile", "gpu", "before"];
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let stem = name.split('.').next().unwrap_or_default().to_lowercase();
    let numbered = |device: &str| {
        let number = stem.strip_prefix(device);
        number.is_some_and(|number| number.len() == 1 && number.as_bytes()[0].is_ascii_digit())
    };
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(plain)
        && !DEVICES.contains(&stem.as_str())
        && !TAKEN.contains(&stem.as_str())
        && !numbered("com")
        && !numbered("lpt")
}
