//! `index.html` of a results root: every sweep's question and answer, and the way to its page.

use std::path::{Path, PathBuf};

use report::Entry;
use runstore::Collected;

use crate::{exit::Expected, jobs::short_names, publish::undrawn, recorded};

/// Its file, in the folder that holds all results.
const INDEX: &str = "index.html";

/// The folder of all results that holds this one of a sweep: `<root>/<sweep>/<scale>-<device>`.
pub(crate) fn root_of(folder: &Path) -> PathBuf {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    whole.ancestors().nth(2).unwrap_or(&whole).to_owned()
}

/// Writes the index of all results.
pub(crate) fn write(root: &Path) -> Result<PathBuf, Expected> {
    let folders = recorded::results(root).into_iter();
    let entries: Vec<Entry> = folders.map(|folder| entry(root, &folder)).collect();
    let page = report::index(&entries).map_err(undrawn)?;
    let path = root.join(INDEX);
    runstore::replace_file(&path, page.as_bytes())?;
    Ok(path)
}

/// What cannot be read is on the index too, with the reason.
fn entry(root: &Path, folder: &Path) -> Entry {
    let parts = folder.strip_prefix(root).unwrap_or(folder).iter();
    let place: Vec<_> = parts.map(|part| part.to_string_lossy()).collect();
    let place = place.join("/");
    let read = || {
        let collected = Collected {
            trials: runstore::read_trials(folder)?,
            ..Collected::default()
        };
        Ok::<_, runstore::Error>((collected, runstore::read_manifest(folder)?))
    };
    match read() {
        Ok((collected, manifest)) => Entry::of(&place, &collected, &manifest, short_names),
        // The message of an error names the file with its whole path, which is another in each clone.
        Err(error) => Entry::unreadable(
            &place,
            &error.to_string().replace(&*root.to_string_lossy(), "…"),
        ),
    }
}
