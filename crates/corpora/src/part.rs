//! A file that has not arrived whole: `.NAME.part` beside the place where it will stand, and
//! `.NAME.part.toml`, which says what it is a part of.
//!
//! Both names come from the manifest; what a server says is only ever content.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// What a part belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    /// The address that was asked.
    pub(crate) source: String,
    /// The size of the whole file.
    pub(crate) bytes: u64,
    /// The server's name for this content; without it, only a known digest can tell whether two
    /// parts are of one file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) etag: Option<String>,
}

/// The part of one file.
#[derive(Debug)]
pub(crate) struct Part {
    path: PathBuf,
    note: PathBuf,
}

impl Part {
    /// The part of a file that will stand at `target`.
    pub(crate) fn of(target: &Path) -> Self {
        let name = target
            .file_name()
            .expect("the manifest names files")
            .to_string_lossy();
        Self {
            path: target.with_file_name(format!(".{name}.part")),
            note: target.with_file_name(format!(".{name}.part.toml")),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes have arrived.
    pub(crate) fn bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// What the part belongs to. A note that cannot be read is none: the part is fetched again.
    pub(crate) fn note(&self) -> Option<Note> {
        toml::from_str(&fs::read_to_string(&self.note).ok()?).ok()
    }

    /// An empty part with its note.
    pub(crate) fn start(&self, note: &Note) -> io::Result<File> {
        // An earlier part goes first, so that at no time a note stands beside another's part.
        self.discard()?;
        let text = toml::to_string(note).expect("a note is plain strings and numbers");
        fs::write(&self.note, text)?;
        File::create(&self.path)
    }

    /// The part, to be written on at its end.
    pub(crate) fn go_on(&self) -> io::Result<File> {
        File::options().append(true).open(&self.path)
    }

    /// Forgets what has arrived.
    pub(crate) fn discard(&self) -> io::Result<()> {
        remove(&self.path)?;
        remove(&self.note)
    }

    /// Gives the whole file its name in one step, after its bytes have reached the disk.
    pub(crate) fn place(&self, target: &Path) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        fs::rename(&self.path, target)?;
        remove(&self.note)
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
