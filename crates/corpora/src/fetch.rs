//! Bringing files into the data folder, and saying what is there.

use std::{
    fs::{self, File},
    path::Path,
};

use indicatif::ProgressBar;

use crate::{
    CorpusError,
    data_dir::DataDir,
    digest::Digest,
    download,
    manifest::{Entry, EntryKind, FileEntry, Manifest, Source},
    record,
};

/// Whether data that is not there may be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchPolicy {
    /// Missing data is an error.
    Never,
    /// Missing data is fetched first; data that is there is never replaced.
    IfMissing,
}

/// What became of one file of a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The file.
    pub digest: Digest,
    /// Whether it was there before.
    pub was_present: bool,
}

/// The state of one file of the data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// It is not there.
    Missing,
    /// Its content is a known edition.
    Known(String),
    /// It is as it was when it was fetched.
    AsFetched,
    /// It was fetched and has changed since; the digest it had.
    Changed(String),
    /// It is there, and nothing is known about its content.
    Unrecognised,
}

/// One file of an entry, as it is in the data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// The file that is there, or the one that is missing, relative to the data folder.
    pub file: String,
    /// Its digest, if it is there.
    pub digest: Option<Digest>,
    /// Its state.
    pub state: FileState,
}

/// An entry of the manifest and its files; an entry without files is built in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The name that `fetch` takes.
    pub name: String,
    /// Corpus, tokenizer or model.
    pub kind: EntryKind,
    /// One line about it.
    pub title: String,
    /// The licence of the data.
    pub licence: String,
    /// The repository or address it comes from, if it can be fetched.
    pub source: Option<String>,
    /// Its files.
    pub files: Vec<FileReport>,
}

/// Fetches what a manifest describes from a hub.
#[derive(Debug, Clone)]
pub struct Fetcher {
    manifest: Manifest,
    endpoint: String,
}

impl Fetcher {
    /// The committed manifest and the public hub, or the mirror that `HF_ENDPOINT` names.
    pub fn from_env() -> Self {
        let endpoint = std::env::var("HF_ENDPOINT")
            .ok()
            .filter(|endpoint| !endpoint.is_empty());
        let endpoint = endpoint.unwrap_or_else(|| "https://huggingface.co".to_owned());
        Self::new(Manifest::embedded().clone(), &endpoint)
    }

    /// A manifest and a hub of one's own.
    pub fn new(manifest: Manifest, endpoint: &str) -> Self {
        Self {
            manifest,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
        }
    }

    /// Fetches the files of an entry that are not there. What is built in needs none.
    ///
    /// A file appears under its name only when it is complete and its digest agrees with the
    /// manifest, where that records one; the digest is then recorded beside it. A hub download
    /// that stopped goes on where it stopped. Two processes that fetch the same entry take turns.
    pub fn fetch(
        &self,
        name: &str,
        data: &DataDir,
        bar: &ProgressBar,
    ) -> Result<Vec<Fetched>, CorpusError> {
        let entry = self.manifest.entry(name)?;
        entry
            .files
            .iter()
            .map(|file| self.fetch_file(entry, file, data, bar))
            .collect()
    }

    fn fetch_file(
        &self,
        entry: &Entry,
        file: &FileEntry,
        data: &DataDir,
        bar: &ProgressBar,
    ) -> Result<Fetched, CorpusError> {
        if let Some(present) = data.find(file) {
            return Ok(Fetched {
                digest: data.digest(&present)?,
                was_present: true,
            });
        }
        let source = file.source.as_ref().ok_or_else(|| CorpusError::NoSource {
            name: entry.name.clone(),
            file: file.names(),
            folder: data.path.clone(),
        })?;
        let target = data.file(file.target());
        let folder = target
            .parent()
            .expect("a file below the data folder has a parent");
        fs::create_dir_all(folder).map_err(|source| CorpusError::Write {
            path: folder.to_owned(),
            source,
        })?;
        let _turn = take_turn(folder)?;
        if let Some(present) = data.find(file) {
            return Ok(Fetched {
                digest: data.digest(&present)?,
                was_present: true,
            });
        }

        let url = source.url(&self.endpoint);
        tracing::info!(entry = entry.name, url, "fetching");
        let part = match source {
            Source::Hub(hub) => download::from_hub(&self.endpoint, hub, folder, bar),
            Source::Url(url) => download::from_url(url, &target, bar),
        }
        .map_err(|reason| CorpusError::Download {
            name: entry.name.clone(),
            file: file.target().to_owned(),
            url: url.clone(),
            reason,
        })?;
        let digest = accept(file, &url, part.path())?;
        part.place(&target).map_err(|source| CorpusError::Write {
            path: target,
            source,
        })?;
        record::write(data, &digest, &url)?;
        Ok(Fetched {
            digest,
            was_present: false,
        })
    }

    /// The files of an entry, each held against the manifest and against its record.
    pub fn check(&self, name: &str, data: &DataDir) -> Result<Vec<FileReport>, CorpusError> {
        self.manifest
            .entry(name)?
            .files
            .iter()
            .map(|file| report(file, data))
            .collect()
    }

    /// Every entry and the state of its files.
    pub fn list(&self, data: &DataDir) -> Result<Vec<Listing>, CorpusError> {
        let listing = |entry: &Entry| {
            let source = entry.files.iter().find_map(|file| file.source.as_ref());
            Ok(Listing {
                name: entry.name.clone(),
                kind: entry.kind,
                title: entry.title.clone(),
                licence: entry.licence.clone(),
                source: source.map(Source::describe),
                files: self.check(&entry.name, data)?,
            })
        };
        self.manifest.entries.iter().map(listing).collect()
    }
}

impl Source {
    /// The full address of the file.
    pub(crate) fn url(&self, endpoint: &str) -> String {
        match self {
            Self::Hub(hub) => download::hub_url(endpoint, hub),
            Self::Url(url) => url.clone(),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Hub(hub) => hub.repo.clone(),
            Self::Url(url) => url.clone(),
        }
    }
}

/// Fetches the files of an entry of the committed manifest; see [`Fetcher::fetch`].
pub fn fetch(name: &str, data: &DataDir, bar: &ProgressBar) -> Result<Vec<Fetched>, CorpusError> {
    Fetcher::from_env().fetch(name, data, bar)
}

/// The files of an entry of the committed manifest; see [`Fetcher::check`].
pub fn check(name: &str, data: &DataDir) -> Result<Vec<FileReport>, CorpusError> {
    Fetcher::from_env().check(name, data)
}

/// Every entry of the committed manifest and the state of its files.
pub fn list(data: &DataDir) -> Result<Vec<Listing>, CorpusError> {
    Fetcher::from_env().list(data)
}

/// Waits for other processes that write to this folder; the lock goes with the value.
fn take_turn(folder: &Path) -> Result<File, CorpusError> {
    let path = folder.join(".fetch.lock");
    File::create(&path)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|source| CorpusError::Write { path, source })
}

/// The digest of what came, if it is what the manifest expects.
fn accept(file: &FileEntry, url: &str, part: &Path) -> Result<Digest, CorpusError> {
    let digest = Digest::of_file(file.target(), part).map_err(|source| CorpusError::Read {
        path: part.to_owned(),
        source,
    })?;
    match file.served() {
        Some(edition) if edition.blake3 != digest.blake3 => Err(CorpusError::DigestMismatch {
            file: file.target().to_owned(),
            url: url.to_owned(),
            expected: edition.blake3.clone(),
            got: digest.blake3,
        }),
        _ => Ok(digest),
    }
}

fn report(file: &FileEntry, data: &DataDir) -> Result<FileReport, CorpusError> {
    let Some(present) = data.find(file) else {
        let file = file.target().to_owned();
        return Ok(FileReport {
            file,
            digest: None,
            state: FileState::Missing,
        });
    };
    let path = data.file(&present);
    let digest =
        Digest::of_file(&present, &path).map_err(|source| CorpusError::Read { path, source })?;
    let state = match (file.edition(&digest), record::recorded(data, &present)?) {
        (_, Some(recorded)) if recorded.blake3 != digest.blake3 => {
            FileState::Changed(recorded.blake3)
        }
        (Some(edition), _) => FileState::Known(edition.name.clone()),
        (None, Some(_)) => FileState::AsFetched,
        (None, None) => FileState::Unrecognised,
    };
    Ok(FileReport {
        file: present,
        digest: Some(digest),
        state,
    })
}
