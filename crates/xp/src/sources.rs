//! What the data are made of that trials read, and the memory of it.
//!
//! The digests of its data are part of a trial's id. So that a sweep can be looked at where its data
//! are not, they are remembered: in the working folder, with the data folder that was named for the
//! sweep, and in the manifest of its results, for a clone. Where nothing remembers them a trial can be
//! looked at all the same, without an id. Only who runs a trial must have its data.

use std::{collections::BTreeMap, path::PathBuf};

use corpora::{CorpusError, DataDir, FetchPolicy, TokenizerConfig};
use runstore::Store;
use serde::{Deserialize, Serialize};

use crate::{
    cli::Data,
    exit::Expected,
    jobs::{JobSettings, Source},
    ui,
};

/// The memory's file in the working folder of a sweep.
const NOTE: &str = "data.json";

/// File names and their digests.
pub(crate) type Files = BTreeMap<String, String>;

/// What earlier runs knew.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Memory {
    /// The data folder that `--data-dir` named.
    folder: Option<PathBuf>,
    /// Settings as JSON text to what they stood for.
    sources: BTreeMap<String, Files>,
}

impl Memory {
    /// That of a sweep. A damaged memory is none: what it knows is found anew in the data.
    pub(crate) fn of(store: &Store, results: &std::path::Path) -> Self {
        let manifest = runstore::read_manifest(results).unwrap_or_default();
        let note = store.note(NOTE).ok().flatten().unwrap_or_default();
        let mut memory: Self = serde_json::from_slice(&note).unwrap_or_default();
        for (settings, files) in manifest.sources {
            memory.sources.entry(settings).or_insert(files);
        }
        memory
    }

    /// The data folder: the one that is named now, or was named for this sweep, or is usual.
    pub(crate) fn data_dir(&self, asked: &Data) -> DataDir {
        let remembered = self.folder.as_ref().filter(|folder| folder.is_dir());
        match remembered {
            Some(folder) if asked.data_dir.is_none() => DataDir::new(folder),
            _ => asked.dir(),
        }
    }
}

/// Fetches what is not there of a source.
fn fetch(source: &Source<'_>, data: &DataDir) -> Result<(), CorpusError> {
    let (bar, policy) = (ui::bytes_bar(None), FetchPolicy::IfMissing);
    // Characters need no file: a model brings a tokenizer of its own.
    let none = TokenizerConfig::default();
    let tokenizer = source.tokenizer.unwrap_or(&none);
    corpora::ensure(source.corpus, tokenizer, data, policy, &bar)?;
    if let Some(model) = source.model {
        corpora::ensure_model(model, data, policy, &bar)?;
    }
    corpora::ensure_questions(source.tests, data, policy, &bar)?;
    bar.finish_and_clear();
    Ok(())
}

/// What is known of data.
#[derive(Debug)]
enum Found {
    Here(Files),
    /// They are not here, and this is what they were.
    Remembered(Files),
    /// They are not here, and were nowhere; with what says so.
    Unknown(String),
}

impl Found {
    const fn files(&self) -> Option<&Files> {
        match self {
            Self::Here(files) | Self::Remembered(files) => Some(files),
            Self::Unknown(_) => None,
        }
    }
}

/// Digests of the data that settings read; each text and model is read once.
#[derive(Debug)]
pub(crate) struct Sources {
    data: DataDir,
    /// Whether that folder was named by whoever asks.
    is_named: bool,
    memory: Memory,
    found: BTreeMap<String, Found>,
}

impl Sources {
    pub(crate) fn new(data: DataDir, is_named: bool, memory: Memory) -> Self {
        Self {
            data,
            is_named,
            memory,
            found: BTreeMap::new(),
        }
    }

    /// What these settings read, as it is or was; `None` where that is not known.
    pub(crate) fn of(&mut self, settings: &JobSettings) -> Result<Option<Files>, CorpusError> {
        let mut files = Some(Files::new());
        for source in settings.job().sources() {
            let own = self.files(&source)?;
            files = files.zip(own).map(|(mut files, own)| {
                files.extend(own);
                files
            });
        }
        Ok(files)
    }

    fn files(&mut self, source: &Source<'_>) -> Result<Option<Files>, CorpusError> {
        let key = source.key();
        if !self.found.contains_key(&key) {
            let found = match (source.digests(&self.data), self.memory.sources.get(&key)) {
                (Ok(digests), _) => {
                    let files = digests.into_iter();
                    Found::Here(files.map(|digest| (digest.file, digest.blake3)).collect())
                }
                (Err(error), _) if !error.is_missing() => return Err(error),
                (Err(error), Some(files)) => {
                    if self.is_named {
                        ui::say(&format!(
                            "{error}; what is remembered of it stands in its place"
                        ));
                    }
                    Found::Remembered(files.clone())
                }
                (Err(error), None) => Found::Unknown(error.to_string()),
            };
            self.found.insert(key.clone(), found);
        }
        Ok(self.found[&key].files().cloned())
    }

    /// What was found or remembered, by the settings that asked for it.
    pub(crate) fn known(&self) -> BTreeMap<String, Files> {
        let known = self.found.iter();
        let known = known.filter_map(|(key, found)| Some((key.clone(), found.files()?.clone())));
        known.collect()
    }

    /// Why some trials have no ids, where that is so.
    pub(crate) fn unknown(&self) -> Option<&str> {
        self.found.values().find_map(|found| match found {
            Found::Unknown(why) => Some(why.as_str()),
            Found::Here(_) | Found::Remembered(_) => None,
        })
    }

    /// Refuses to go on where the data of these settings are not here.
    pub(crate) fn demand(&self, settings: &JobSettings) -> Result<(), CorpusError> {
        let mut absent = self.absent(settings);
        absent.try_for_each(|source| source.digests(&self.data).map(drop))
    }

    /// Fetches the data of these settings that are not here, and says whether there were such.
    pub(crate) fn fetch<'a>(
        &self,
        settings: impl IntoIterator<Item = &'a JobSettings>,
    ) -> Result<bool, CorpusError> {
        let absent = settings
            .into_iter()
            .flat_map(|settings| self.absent(settings));
        let absent: BTreeMap<String, Source<'_>> =
            absent.map(|source| (source.key(), source)).collect();
        for source in absent.values() {
            fetch(source, &self.data)?;
        }
        Ok(!absent.is_empty())
    }

    /// What is read and not here; what cells are timed on is read by who times them.
    fn absent<'a>(&self, settings: &'a JobSettings) -> impl Iterator<Item = Source<'a>> {
        let here =
            |source: &Source<'_>| matches!(self.found.get(&source.key()), Some(Found::Here(_)));
        let sources = settings.job().sources().into_iter();
        sources.filter(move |source| !here(source))
    }

    /// Remembers what was found, and the data folder where one was named.
    pub(crate) fn remember(&self, store: &Store, asked: &Data) -> Result<(), Expected> {
        let mut memory = self.memory.clone();
        if let Some(folder) = &asked.data_dir {
            memory.folder = Some(std::path::absolute(folder).unwrap_or_else(|_| folder.clone()));
        }
        memory.sources.extend(self.known());
        if memory.folder.is_none() && memory.sources.is_empty() {
            return Ok(());
        }
        let bytes = serde_json::to_vec_pretty(&memory).expect("its keys are texts");
        Ok(store.write_note(NOTE, &bytes)?)
    }
}
