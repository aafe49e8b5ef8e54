//! Where checkpoints go.

use std::io;
use std::path::{Path, PathBuf};

/// A place for one checkpoint, replaced as a whole.
///
/// The loop fills the folder that [`Self::begin`] gives and then calls [`Self::commit`]; until then
/// [`Self::latest`] must keep giving the checkpoint before.
pub trait CheckpointSlot {
    /// The folder of the newest complete checkpoint, if there is one.
    fn latest(&self) -> io::Result<Option<PathBuf>>;

    /// An empty folder for the next checkpoint.
    fn begin(&self) -> io::Result<PathBuf>;

    /// Makes a folder, filled after `step` updates, the latest checkpoint.
    fn commit(&self, filled: &Path, step: u64) -> io::Result<()>;
}

/// A slot in one folder, by two renames: safe against the death of the process, not against that of
/// the machine, for which files must be synced before they are renamed.
#[derive(Debug, Clone)]
pub struct FolderSlot {
    root: PathBuf,
}

impl FolderSlot {
    /// A slot in `root`, which is made when the first checkpoint is.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn part(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

impl CheckpointSlot for FolderSlot {
    fn latest(&self) -> io::Result<Option<PathBuf>> {
        // Between the two renames of a commit only the one before is there.
        Ok([self.part("latest"), self.part("before")]
            .into_iter()
            .find(|folder| folder.is_dir()))
    }

    fn begin(&self) -> io::Result<PathBuf> {
        let next = self.part("next");
        remove(&next)?;
        std::fs::create_dir_all(&next)?;
        Ok(next)
    }

    fn commit(&self, filled: &Path, _: u64) -> io::Result<()> {
        let (latest, before) = (self.part("latest"), self.part("before"));
        if latest.is_dir() {
            remove(&before)?;
            std::fs::rename(&latest, &before)?;
        }
        std::fs::rename(filled, &latest)?;
        remove(&before)
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(slot: &FolderSlot, text: &str) -> PathBuf {
        let folder = slot.begin().expect("begins");
        fs::write(folder.join("file"), text).expect("writes");
        folder
    }

    fn latest(slot: &FolderSlot) -> Option<String> {
        let folder = slot.latest().expect("looks")?;
        Some(fs::read_to_string(folder.join("file")).expect("reads"))
    }

    #[test]
    fn only_a_committed_checkpoint_counts_and_the_newest_wins() {
        let root = tempfile::tempdir().expect("a folder");
        let slot = FolderSlot::new(root.path().join("slot"));
        let first = write(&slot, "one");
        assert_eq!(latest(&slot), None);
        slot.commit(&first, 1).expect("commits");
        let second = write(&slot, "two");
        assert_eq!(latest(&slot).as_deref(), Some("one"));
        slot.commit(&second, 2).expect("commits");
        assert_eq!(latest(&slot).as_deref(), Some("two"));
        assert!(!slot.part("before").exists() && !slot.part("next").exists());
    }

    #[test]
    fn a_death_between_the_renames_leaves_the_one_before() {
        let root = tempfile::tempdir().expect("a folder");
        let slot = FolderSlot::new(root.path());
        let first = write(&slot, "one");
        slot.commit(&first, 1).expect("commits");
        fs::rename(slot.part("latest"), slot.part("before")).expect("renames");
        assert_eq!(latest(&slot).as_deref(), Some("one"));
        let second = write(&slot, "two");
        slot.commit(&second, 2).expect("commits");
        assert_eq!(latest(&slot).as_deref(), Some("two"));
    }
}
