//! Digests of large files that were read before: who only looks at a sweep does not read gigabytes again.
//!
//! A file is known by its path, size and time of change, as to `git` and `make`. They stand in the user's
//! cache folder; without one, or where it cannot be written, files are read each time.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
    process,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Below this, reading the file is as quick as looking it up.
const LARGE: u64 = 1 << 20;
/// A file may change again within its time stamp's grain: one this young is not remembered.
const SETTLED: Duration = Duration::from_secs(2);

/// The digest of a file, which is read only if it is not known.
pub(crate) fn digest_of(file: &str, path: &Path) -> io::Result<Digest> {
    match place() {
        Some(place) => recall(file, path, &place, LARGE),
        None => Digest::of_file(file, path),
    }
}

/// Where the digests stand.
fn place() -> Option<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.filter(|cache| cache.is_absolute());
    let cache = cache.or_else(|| Some(env::home_dir()?.join(".cache")))?;
    Some(cache.join("switchyard/digests.json"))
}

/// What is known, by path.
type Table = BTreeMap<PathBuf, Known>;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    bytes: u64,
    /// Since 1970, to the nanosecond.
    modified: Duration,
    blake3: String,
}

impl Known {
    /// Whether it is of the file as it is now.
    fn is_of(&self, data: &Metadata) -> bool {
        self.bytes == data.len() && Some(self.modified) == modified(data)
    }
}

fn modified(data: &Metadata) -> Option<Duration> {
    data.modified().ok()?.duration_since(UNIX_EPOCH).ok()
}

fn recall(file: &str, path: &Path, place: &Path, large: u64) -> io::Result<Digest> {
    let before = fs::metadata(path)?;
    if before.len() < large || !before.is_file() {
        return Digest::of_file(file, path);
    }
    let key = path.canonicalize()?;
    let known = read(place).remove(&key);
    if let Some(known) = known.filter(|known| known.is_of(&before)) {
        return Ok(Digest {
            file: file.to_owned(),
            bytes: known.bytes,
            blake3: known.blake3,
        });
    }
    let digest = Digest::of_file(file, path)?;
    let settled = |time: Duration| UNIX_EPOCH + time + SETTLED <= SystemTime::now();
    if let Some(modified) = modified(&before).filter(|&time| settled(time)) {
        let known = Known {
            bytes: digest.bytes,
            modified,
            blake3: digest.blake3.clone(),
        };
        // Not if it grew or changed while it was read.
        if fs::metadata(path).is_ok_and(|after| known.is_of(&after)) {
            remember(place, key, known);
        }
    }
    Ok(digest)
}

/// What stands there; nothing where it is not readable, since every file can be read anew.
fn read(place: &Path) -> Table {
    let bytes = fs::read(place).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Adds one, and forgets files that are gone. Of two who write at once one may be lost.
fn remember(place: &Path, key: PathBuf, known: Known) {
    let mut table = read(place);
    table.retain(|path, _| path.exists());
    table.insert(key, known);
    let write = || {
        fs::create_dir_all(place.parent().expect("it is in a folder"))?;
        let part = place.with_extension(format!("{}.part", process::id()));
        fs::write(&part, serde_json::to_vec_pretty(&table)?)?;
        fs::rename(&part, place).inspect_err(|_| drop(fs::remove_file(&part)))
    };
    if let Err(error) = write() {
        tracing::debug!(%error, place = %place.display(), "digests are not remembered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    /// A file that changed an hour ago, and the place of its digest.
    fn scene(folder: &Path) -> (PathBuf, PathBuf) {
        let path = folder.join("large");
        fs::write(&path, "some text").unwrap();
        age(&path, 3600);
        (path, folder.join("cache/digests.json"))
    }

    fn age(path: &Path, seconds: u64) {
        let then = SystemTime::now() - Duration::from_secs(seconds);
        File::options()
            .write(true)
            .open(path)
            .and_then(|file| file.set_modified(then))
            .unwrap();
    }

    #[test]
    fn a_known_file_is_not_read_again_and_a_changed_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let (path, place) = scene(folder.path());
        let first = recall("f", &path, &place, 1).unwrap();
        assert_eq!(first, Digest::of_bytes("f", b"some text"));

        // That it is not read shows by a digest that is not its own.
        let text = fs::read_to_string(&place).unwrap();
        fs::write(&place, text.replace(&first.blake3, "known")).unwrap();
        assert_eq!(recall("f", &path, &place, 1).unwrap().blake3, "known");

        fs::write(&path, "other say").unwrap();
        age(&path, 60);
        let changed = recall("f", &path, &place, 1).unwrap();
        assert_eq!(changed, Digest::of_bytes("f", b"other say"));
        assert_eq!(recall("f", &path, &place, 1).unwrap(), changed);
    }

    #[test]
    fn young_and_small_files_are_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let (path, place) = scene(folder.path());
        recall("f", &path, &place, 100).unwrap();
        assert!(!place.exists(), "small");
        age(&path, 0);
        recall("f", &path, &place, 1).unwrap();
        assert!(!place.exists(), "young");
    }

    #[test]
    fn a_damaged_memory_is_none_and_files_that_are_gone_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let (path, place) = scene(folder.path());
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, "[").unwrap();
        recall("f", &path, &place, 1).unwrap();
        assert_eq!(read(&place).len(), 1);
        let other = folder.path().join("other");
        fs::rename(&path, &other).unwrap();
        recall("f", &other, &place, 1).unwrap();
        assert_eq!(
            read(&place).into_keys().collect::<Vec<_>>(),
            [other.canonicalize().unwrap()]
        );
    }
}
