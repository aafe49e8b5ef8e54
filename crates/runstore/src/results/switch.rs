//! A set of files that changes as one.
//!
//! New files are first written whole into a folder beside those that they replace, with a list of
//! what is replaced and what is removed. One rename makes the list binding. Then every file is moved
//! to its place. After a kill before that rename the old set stands, after it the new one: whoever
//! writes next finishes the moves, and whoever may only read looks through the list
//! ([`Switch::path`]).
//!
//! ```text
//! <folder>/.switchyard-stage-<pid>-<n>/   files that are not yet binding; removed when left over
//! <folder>/.switchyard-switch/            a binding set whose files are not all at their places
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, durable};

/// What every name begins with that does not belong to the results themselves.
pub(super) const OWN: &str = ".switchyard";

const BINDING: &str = ".switchyard-switch";
const LIST: &str = "switch.json";
const REMEDY: &str = "restore the results folder, or move it away and run the sweep again";

/// What a switch does; the names are paths below the folder, with `/`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct List {
    put: BTreeSet<String>,
    remove: BTreeSet<String>,
}

/// Files that are written and not yet binding; without a commit they are removed.
#[derive(Debug)]
pub(super) struct Stage {
    folder: PathBuf,
    dir: PathBuf,
    list: List,
}

impl Stage {
    /// An empty stage in a folder that is there.
    pub(super) fn new(folder: &Path) -> Result<Self, Error> {
        let dir = folder.join(format!("{OWN}-stage-{}", durable::unique_suffix()));
        durable::make_dir(&dir)?;
        Ok(Self {
            folder: folder.to_owned(),
            dir,
            list: List::default(),
        })
    }

    /// Writes a file that will stand at this name.
    pub(super) fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        check_place(&self.folder, name)?;
        let path = self.dir.join(name);
        durable::make_dir(path.parent().unwrap_or(&self.dir))?;
        durable::write_synced(&path, bytes)?;
        self.list.remove.remove(name);
        self.list.put.insert(name.to_owned());
        Ok(())
    }

    /// Has nothing stand at this name.
    pub(super) fn remove(&mut self, name: &str) -> Result<(), Error> {
        check_place(&self.folder, name)?;
        self.list.put.remove(name);
        self.list.remove.insert(name.to_owned());
        Ok(())
    }

    /// Makes the set binding and moves its files to their places.
    pub(super) fn commit(self) -> Result<(), Error> {
        let list = crate::json_bytes(&self.list);
        durable::write_synced(&self.dir.join(LIST), &list)?;
        durable::sync_tree(&self.dir)?;
        let binding = self.folder.join(BINDING);
        let mut bound = durable::rename(&self.dir, &binding);
        // Where no lock keeps others away, their set may be binding and not finished.
        while bound.as_ref().is_err_and(is_taken) {
            finish(&self.folder)?;
            bound = durable::rename(&self.dir, &binding);
        }
        bound?;
        finish(&self.folder)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(error) = durable::remove(&self.dir) {
            tracing::warn!(%error, "left a temporary folder, the next writer removes it");
        }
    }
}

/// Whether a folder stands where another was to be renamed to.
fn is_taken(error: &Error) -> bool {
    use ErrorKind::{AlreadyExists, DirectoryNotEmpty};
    matches!(error, Error::Write { source, .. } if matches!(source.kind(), AlreadyExists | DirectoryNotEmpty))
}

/// Finishes a switch that was cut off after it had become binding.
pub(super) fn finish(folder: &Path) -> Result<(), Error> {
    let Some(list) = read_list(folder)? else {
        return Ok(());
    };
    let from = folder.join(BINDING);
    let mut changed = BTreeSet::from([folder.to_owned()]);
    for name in &list.put {
        let (source, target) = (from.join(name), folder.join(name));
        if !source.exists() {
            continue;
        }
        if let Some(parent) = target.parent() {
            durable::make_dir(parent)?;
            changed.insert(parent.to_owned());
        }
        match fs::rename(&source, &target) {
            // Another, whom no lock kept away, has finished it meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            moved => moved.map_err(|source| Error::write(&target, source))?,
        }
    }
    for name in &list.remove {
        durable::remove(&folder.join(name))?;
    }
    for parent in &changed {
        durable::sync_dir(parent)?;
    }
    // Renamed first: half of a binding set must never look like a whole one.
    let done = folder.join(format!("{OWN}-stage-{}", durable::unique_suffix()));
    match durable::rename(&from, &done) {
        Err(Error::Write { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(()),
        renamed => renamed.and_then(|()| durable::remove(&done)),
    }
}

/// Removes stages of writers that died. Only for who has the folder to itself.
pub(super) fn remove_leftovers(folder: &Path) -> Result<(), Error> {
    for path in durable::entries(folder)? {
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.starts_with(OWN) && name != BINDING) {
            durable::remove(&path)?;
        }
    }
    Ok(())
}

/// A binding set whose files are not all at their places, if there is one.
#[derive(Debug)]
pub(super) struct Switch {
    folder: PathBuf,
    list: List,
}

impl Switch {
    /// Looks for one.
    pub(super) fn of(folder: &Path) -> Result<Self, Error> {
        Ok(Self {
            folder: folder.to_owned(),
            list: read_list(folder)?.unwrap_or_default(),
        })
    }

    /// Where the file of this name stands now.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        let waiting = self.folder.join(BINDING).join(name);
        if self.list.put.contains(name) && waiting.exists() {
            waiting
        } else {
            self.folder.join(name)
        }
    }
}

fn read_list(folder: &Path) -> Result<Option<List>, Error> {
    let path = folder.join(BINDING).join(LIST);
    let Some(bytes) = durable::read_if_there(&path)? else {
        return Ok(None);
    };
    let list: List =
        serde_json::from_slice(&bytes).map_err(|error| Error::corrupt(&path, error, REMEDY))?;
    match list
        .put
        .iter()
        .chain(&list.remove)
        .find(|name| !is_inside(name))
    {
        Some(name) => {
            let reason = format!("`{name}` is not a name below the folder");
            Err(Error::corrupt(&path, reason, REMEDY))
        }
        None => Ok(Some(list)),
    }
}

/// Whether a name stays below the folder, whoever wrote it.
fn is_inside(name: &str) -> bool {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    !name.is_empty() && Path::new(name).components().all(plain)
}

/// A folder in the way would stop the moves half-way, so it is found before.
fn check_place(folder: &Path, name: &str) -> Result<(), Error> {
    debug_assert!(is_inside(name), "names are the program's own");
    let target = folder.join(name);
    if target.is_dir() {
        return Err(Error::write(
            &target,
            std::io::ErrorKind::IsADirectory.into(),
        ));
    }
    Ok(())
}
