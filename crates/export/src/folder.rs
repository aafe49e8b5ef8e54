//! The folder that an export writes.
//!
//! It keeps a list of what exports wrote into it, with the digests. What stands in the way and is not on the list, or
//! was changed since, is somebody else's and is not touched; what an earlier export wrote and this one does not is
//! taken away.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::File;

/// The list's file.
const LIST: &str = "xp-export.json";

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file is in the way.
    #[error(
        "write {path}: it was not written by xp export, or was changed since; \
         move it away, or name another folder with --out",
        path = path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The list of what was written cannot be read.
    #[error("read {path}: {reason}; restore it, or name another folder with --out", path = path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system does not let a file be read or written.
    #[error("{what} {path}: {source}; name a folder that can be written with --out", path = path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What exports wrote: path to the digests that the file may have. While one writes they are two, so that whoever
/// comes after one that was stopped knows both.
#[derive(Debug, Default, Serialize, Deserialize)]
struct List {
    files: BTreeMap<String, Vec<String>>,
}

/// A folder to export into.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder of that path; it is made when something is put.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Puts the files of a format under its name, in the place of those of an earlier export, and says how many.
    ///
    /// # Errors
    ///
    /// When a file is in the way that no export wrote, before anything is changed; or when the folder cannot be
    /// written.
    pub fn put(&self, format: &str, files: Vec<File>) -> Result<usize, Error> {
        let mut list = self.list()?;
        let files: BTreeMap<String, Vec<u8>> = files
            .into_iter()
            .map(|(name, bytes)| (format!("{format}/{name}"), bytes))
            .collect();
        for name in files.keys() {
            self.check(name, &list)?;
        }
        for (name, bytes) in &files {
            let digests = list.files.entry(name.clone()).or_default();
            digests.push(digest(bytes));
        }
        self.write(LIST, &list.bytes())?;
        for (name, bytes) in &files {
            self.write(name, bytes)?;
        }
        let own = format!("{format}/");
        let stale = list
            .files
            .keys()
            .filter(|name| name.starts_with(&own) && !files.contains_key(*name));
        let stale: Vec<String> = stale.cloned().collect();
        for name in stale {
            self.take_away(&name, &list)?;
            list.files.remove(&name);
        }
        for (name, bytes) in &files {
            list.files.insert(name.clone(), vec![digest(bytes)]);
        }
        self.write(LIST, &list.bytes())?;
        Ok(files.len())
    }

    fn list(&self) -> Result<List, Error> {
        let path = self.root.join(LIST);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| Error::List {
                path,
                reason: error.to_string(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(List::default()),
            Err(source) => Err(Error::io("read", path)(source)),
        }
    }

    /// Refuses a path where something stands that no export wrote.
    fn check(&self, name: &str, list: &List) -> Result<(), Error> {
        let path = self.root.join(name);
        match std::fs::read(&path) {
            Ok(bytes) if list.knows(name, &bytes) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Ok(_) => Err(Error::Foreign { path }),
            Err(_) if path.exists() => Err(Error::Foreign { path }),
            Err(source) => Err(Error::io("read", path)(source)),
        }
    }

    /// Writes a file so that it stands whole or not at all.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.root.join(name);
        let folder = path.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(folder).map_err(Error::io("make", folder.to_owned()))?;
        let half = path.with_file_name(format!("{LIST}.{}.part", std::process::id()));
        std::fs::write(&half, bytes)
            .and_then(|()| std::fs::rename(&half, &path))
            .map_err(Error::io("write", path))
    }

    /// Removes what an earlier export wrote, unless it was changed since, and its folders where nothing else is in
    /// them.
    fn take_away(&self, name: &str, list: &List) -> Result<(), Error> {
        let path = self.root.join(name);
        let is_own = std::fs::read(&path).is_ok_and(|bytes| list.knows(name, &bytes));
        if !is_own {
            return Ok(());
        }
        std::fs::remove_file(&path).map_err(Error::io("remove", path.clone()))?;
        let above = path.ancestors().skip(1);
        for folder in above.take_while(|folder| *folder != self.root) {
            if std::fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }
}

impl List {
    fn knows(&self, name: &str, bytes: &[u8]) -> bool {
        let digests = self.files.get(name);
        digests.is_some_and(|digests| digests.contains(&digest(bytes)))
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("its keys are texts");
        bytes.push(b'\n');
        bytes
    }
}

impl Error {
    fn io(what: &'static str, path: PathBuf) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path, source }
    }
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> File {
        (name.to_owned(), text.as_bytes().to_vec())
    }

    #[test]
    fn an_export_replaces_its_own_files_and_takes_old_ones_away() {
        let folder = tempfile::tempdir().unwrap();
        let out = Folder::new(folder.path());
        out.put("csv", vec![file("a.csv", "1"), file("deep/b.csv", "2")])
            .unwrap();
        let foreign = folder.path().join("csv/mine.csv");
        std::fs::write(&foreign, "mine").unwrap();
        assert_eq!(out.put("csv", vec![file("a.csv", "3")]).unwrap(), 1);
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).ok();
        assert_eq!(read("csv/a.csv").as_deref(), Some("3"));
        assert_eq!(read("csv/mine.csv").as_deref(), Some("mine"));
        assert!(!folder.path().join("csv/deep").exists());
        // Another format leaves it alone.
        out.put("tensorboard", vec![file("run/events", "e")])
            .unwrap();
        assert!(read("csv/a.csv").is_some() && read("tensorboard/run/events").is_some());
    }

    #[test]
    fn what_no_export_wrote_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let out = Folder::new(folder.path());
        out.put("csv", vec![file("a.csv", "1")]).unwrap();
        // Changed since.
        std::fs::write(folder.path().join("csv/a.csv"), "by hand").unwrap();
        let refused = out.put("csv", vec![file("0.csv", "0"), file("a.csv", "2")]);
        let error = refused.unwrap_err();
        assert!(
            matches!(&error, Error::Foreign { path } if path.ends_with("csv/a.csv")),
            "{error}"
        );
        assert!(
            !folder.path().join("csv/0.csv").exists(),
            "nothing is written then"
        );
        std::fs::write(folder.path().join(LIST), "no list").unwrap();
        let error = out.put("csv", vec![file("b.csv", "2")]).unwrap_err();
        assert!(error.to_string().contains(LIST), "{error}");
        let file_in_the_way = Folder::new(&folder.path().join("csv/a.csv"));
        assert!(
            file_in_the_way
                .put("csv", vec![file("b.csv", "2")])
                .is_err()
        );
    }

    #[test]
    fn an_export_that_was_stopped_is_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let out = Folder::new(folder.path());
        out.put("csv", vec![file("a.csv", "1")]).unwrap();
        // Stopped between the list and the file: the list knows the old and the new.
        let mut list = out.list().unwrap();
        list.files.get_mut("csv/a.csv").unwrap().push(digest(b"2"));
        out.write(LIST, &list.bytes()).unwrap();
        out.put("csv", vec![file("a.csv", "2")]).unwrap();
        let text = std::fs::read_to_string(folder.path().join("csv/a.csv")).unwrap();
        assert_eq!(text, "2");
    }
}
