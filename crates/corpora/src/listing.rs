//! What is in the data folder, and whether it is what it should be.

use crate::{
    CorpusError,
    data_dir::DataDir,
    digest::Digest,
    fetch::Fetcher,
    manifest::{Entry, EntryKind, FileEntry, Source},
    record,
};

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
    /// Corpus, questions, tokenizer or model.
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

impl Fetcher {
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
    fn describe(&self) -> String {
        match self {
            Self::Hub(hub) => hub.repo.clone(),
            Self::Url(url) => url.clone(),
        }
    }
}

/// The files of an entry of the committed manifest; see [`Fetcher::check`].
pub fn check(name: &str, data: &DataDir) -> Result<Vec<FileReport>, CorpusError> {
    Fetcher::from_env().check(name, data)
}

/// Every entry of the committed manifest and the state of its files.
pub fn list(data: &DataDir) -> Result<Vec<Listing>, CorpusError> {
    Fetcher::from_env().list(data)
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
    let state = match (
        file.edition(&digest),
        record::recorded(&data.file(&present), &present)?,
    ) {
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
