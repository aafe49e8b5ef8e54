//! Files that are there whole or not at all.
//!
//! Temporary files are made with plain `File::create`, so that their mode follows the umask (the
//! `tempfile` crate's are private to their owner), and beside their target, so that the rename
//! stays within one file system.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Error;

/// A name that no other process or thread is using now, on this machine or another that has the folder.
pub(crate) fn unique_suffix() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    // Seeded by the system: process ids of two machines may be the same.
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish());
    format!(
        "{}-{:08x}-{}",
        std::process::id(),
        *PROCESS as u32,
        COUNTER.fetch_add(1, Ordering::Relaxed)
    )
}

/// Makes a folder and those above it.
pub(crate) fn make_dir(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|source| Error::write(path, source))
}

/// Writes a file and has it reach the disk, without any promise on its name.
pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let write = || -> io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| Error::write(path, source))
}

/// Replaces a file in one step: readers see the old content or the new one. The temporary file
/// stands in `scratch`, under a name that begins with `prefix`.
pub(crate) fn write_atomic(
    path: &Path,
    bytes: &[u8],
    scratch: &Path,
    prefix: &str,
) -> Result<(), Error> {
    let temporary = scratch.join(format!("{prefix}-{}.tmp", unique_suffix()));
    let result = write_synced(&temporary, bytes).and_then(|()| rename(&temporary, path));
    if result.is_err() {
        // Not reported: the first error says why, and leftovers are swept later.
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// Renames and has both folders reach the disk.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(|source| Error::write(to, source))?;
    for parent in [to.parent(), from.parent()].into_iter().flatten() {
        sync_dir(parent)?;
    }
    Ok(())
}

/// Has a folder's list of names reach the disk.
pub(crate) fn sync_dir(path: &Path) -> Result<(), Error> {
    // Other systems do not open folders as files and order renames by themselves.
    if cfg!(unix) {
        File::open(path)
            .and_then(|dir| dir.sync_all())
            .map_err(|source| Error::write(path, source))?;
    }
    Ok(())
}

/// Has every file and folder below a folder reach the disk.
pub(crate) fn sync_tree(path: &Path) -> Result<(), Error> {
    for entry in entries(path)? {
        if entry.is_dir() {
            sync_tree(&entry)?;
        } else {
            File::open(&entry)
                .and_then(|file| file.sync_all())
                .map_err(|source| Error::write(&entry, source))?;
        }
    }
    sync_dir(path)
}

/// What a folder holds, sorted; nothing when the folder is not there.
pub(crate) fn entries(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let listing = match fs::read_dir(path) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::read(path, source)),
    };
    let mut found = listing
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|source| Error::read(path, source))?;
    found.sort();
    Ok(found)
}

/// Removes a file or a folder with all it holds; it is fine when it is not there.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    let result = match fs::symlink_metadata(path) {
        Ok(data) if data.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::write(path, error)),
        _ => Ok(()),
    }
}

/// Reads a file. A pipe or a device in its place, which may never end, is refused.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let data = fs::metadata(path)?;
    if data.is_file() || data.is_dir() {
        fs::read(path)
    } else {
        Err(io::Error::other(
            "it is a pipe or a device and no file: remove it",
        ))
    }
}

/// Reads a file; `None` when it is not there.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::read(path, source)),
    }
}

/// Copies a folder with all it holds, for a kept model that goes into a checkpoint or back.
///
/// # Errors
///
/// When a file cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) -> Result<(), Error> {
    make_dir(to)?;
    for entry in entries(from)? {
        let Some(name) = entry.file_name() else {
            continue;
        };
        copy(&entry, &to.join(name))?;
    }
    Ok(())
}

/// Copies a file, or a folder with all it holds.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    if from.is_dir() {
        return copy_folder(from, to);
    }
    let copied = fs::copy(from, to).map(|_| ());
    copied.map_err(|source| Error::write(to, source))
}

/// The digests of all files below a folder, by their path in it.
pub(crate) fn digests(folder: &Path) -> Result<BTreeMap<String, String>, Error> {
    let mut digests = BTreeMap::new();
    for path in entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            let inner = self::digests(&path)?.into_iter();
            digests.extend(inner.map(|(file, digest)| (format!("{name}/{file}"), digest)));
        } else {
            let mut hasher = blake3::Hasher::new();
            File::open(&path)
                .and_then(|mut file| io::copy(&mut file, &mut hasher))
                .map_err(|source| Error::read(&path, source))?;
            digests.insert(name.into_owned(), hasher.finalize().to_hex().to_string());
        }
    }
    Ok(digests)
}

/// The BLAKE3 digest of some bytes, as 64 hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
