//! `index.html` of a results root: every sweep's question and answer, and the way to its page.

use std::path::{Path, PathBuf};

use report::Entry;
use runstore::Collected;

use crate::{exit::Expected, jobs::short_names, recorded, ui};

/// Its file, in the folder that holds all results.
const INDEX: &str = "index.html";
/// The page of claims, beside it.
const CLAIMS: &str = "claims.html";

/// The folder of all results that holds this one of a sweep: `<root>/<sweep>/<scale>-<device>`.
pub(crate) fn root_of(folder: &Path) -> PathBuf {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    whole.ancestors().nth(2).unwrap_or(&whole).to_owned()
}

/// Where `--results` is unless it is said.
const USUAL_ROOT: &str = "results";

/// Whether the folder above two of a results folder is known to hold results: it is the usual one, or has an index.
pub(crate) fn is_root(root: &Path) -> bool {
    let is_usual = std::path::absolute(USUAL_ROOT).is_ok_and(|usual| usual == root);
    is_usual || is_ours(&root.join(INDEX)) == Some(true)
}

/// Whether a file is an index; `None` where there is none.
fn is_ours(path: &Path) -> Option<bool> {
    is_page(path, report::is_index)
}

/// Whether a file is a page of some kind; `None` where there is none.
fn is_page(path: &Path, kind: impl Fn(&str) -> bool) -> Option<bool> {
    let page = std::fs::read(path).ok()?;
    Some(kind(&String::from_utf8_lossy(&page)))
}

/// Writes the page of claims, and anew the index that leads to it where there is to be one; nothing in the place of a page of somebody else.
pub(crate) fn write_claims(root: &Path, page: &str) -> Result<Option<PathBuf>, Expected> {
    let path = root.join(CLAIMS);
    if is_page(&path, report::is_claims) == Some(false) {
        let path = path.display();
        ui::say(&format!("{path} is no page of claims and stays as it is"));
        return Ok(None);
    }
    runstore::replace_file(&path, page.as_bytes())?;
    if is_root(&std::path::absolute(root).unwrap_or_default()) {
        write(root)?;
    }
    Ok(Some(path))
}

/// Writes the index of all results; nothing in the place of a page of somebody else.
pub(crate) fn write(root: &Path) -> Result<Option<PathBuf>, Expected> {
    let path = root.join(INDEX);
    if is_ours(&path) == Some(false) {
        let path = path.display();
        ui::say(&format!("{path} is no index of results and stays as it is"));
        return Ok(None);
    }
    let folders = recorded::results(root).into_iter();
    let entries: Vec<Entry> = folders.map(|folder| entry(root, &folder)).collect();
    let claims = is_page(&root.join(CLAIMS), report::is_claims) == Some(true);
    let page = report::index(&entries, claims.then_some(CLAIMS)).map_err(Expected::undrawn)?;
    runstore::replace_file(&path, page.as_bytes())?;
    Ok(Some(path))
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
