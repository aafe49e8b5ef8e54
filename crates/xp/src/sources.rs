//! What the data are made of that trials read, and the memory of it.
//!
//! The digests of its data are part of a trial's id. So that a sweep can be looked at where its data
//! are not, they are remembered: in the working folder, with the data folder that was named for the
//! sweep, and in the manifest of its results, for a clone.

use std::{collections::BTreeMap, path::PathBuf};

use corpora::{CorpusError, DataDir, Digest, FetchPolicy, TokenizerConfig};
use runstore::Store;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    cli::Data,
    exit::Expected,
    jobs::{BertSource, DataSettings, JobSettings, SourceConfig},
    session::Access,
    ui,
};

/// The memory's file in the working folder of a sweep.
const NOTE: &str = "data.json";

/// File names and their digests.
type Files = BTreeMap<String, String>;

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

/// Digests of the data that settings read; each text and model is read once.
#[derive(Debug)]
pub(crate) struct Sources {
    data: DataDir,
    access: Access,
    memory: Memory,
    known: BTreeMap<String, Files>,
}

impl Sources {
    pub(crate) fn new(data: DataDir, access: Access, memory: Memory) -> Self {
        Self {
            data,
            access,
            memory,
            known: BTreeMap::new(),
        }
    }

    /// What these settings read. Who only looks is told what was remembered where the data are not.
    pub(crate) fn of(&mut self, settings: &JobSettings) -> Result<Files, CorpusError> {
        match settings {
            JobSettings::Train(settings) => {
                let data = &settings.data;
                self.lookup(json!(data), |sources| sources.dataset(data))
            }
            JobSettings::Router(settings) => match &settings.hidden.source {
                SourceConfig::Bert(source) => {
                    // What is read of the encoder is of no matter to its files.
                    let key = json!({ "model": source.model, "corpus": source.corpus });
                    self.lookup(key, |sources| sources.encoder(source))
                }
                SourceConfig::Random(_) => Ok(Files::new()),
            },
            // A speed trial reads what its cells read.
            JobSettings::Pack(_) | JobSettings::Layer(_) | JobSettings::Speed(_) => {
                Ok(Files::new())
            }
        }
    }

    /// What was found, by the settings that asked for it.
    pub(crate) fn known(&self) -> &BTreeMap<String, Files> {
        &self.known
    }

    /// Remembers what was found, and the data folder where one was named.
    pub(crate) fn remember(&self, store: &Store, asked: &Data) -> Result<(), Expected> {
        let mut memory = self.memory.clone();
        if let Some(folder) = &asked.data_dir {
            memory.folder = Some(std::path::absolute(folder).unwrap_or_else(|_| folder.clone()));
        }
        memory.sources.extend(self.known.clone());
        if memory.folder.is_none() && memory.sources.is_empty() {
            return Ok(());
        }
        let bytes = serde_json::to_vec_pretty(&memory).expect("its keys are texts");
        Ok(store.write_note(NOTE, &bytes)?)
    }

    fn lookup(
        &mut self,
        settings: serde_json::Value,
        read: impl FnOnce(&Self) -> Result<Vec<Digest>, CorpusError>,
    ) -> Result<Files, CorpusError> {
        let key = runstore::canonical_json(&settings);
        if let Some(files) = self.known.get(&key) {
            return Ok(files.clone());
        }
        let files = match (read(self), self.memory.sources.get(&key)) {
            (Ok(digests), _) => digests
                .into_iter()
                .map(|digest| (digest.file, digest.blake3))
                .collect(),
            (Err(error), Some(files)) if self.access == Access::Look && error.is_missing() => {
                files.clone()
            }
            (Err(error), _) => return Err(error),
        };
        self.known.insert(key, Files::clone(&files));
        Ok(files)
    }

    fn may_fetch(&self) -> bool {
        self.access == Access::Run(FetchPolicy::IfMissing)
    }

    fn dataset(&self, wanted: &DataSettings) -> Result<Vec<Digest>, CorpusError> {
        let (corpus, tokenizer) = (&wanted.corpus, &wanted.tokenizer);
        if self.may_fetch() {
            let bar = ui::fetch_bar();
            corpora::ensure(corpus, tokenizer, &self.data, FetchPolicy::IfMissing, &bar)?;
            bar.finish_and_clear();
        }
        corpora::digests(corpus, tokenizer, &self.data)
    }

    fn encoder(&self, wanted: &BertSource) -> Result<Vec<Digest>, CorpusError> {
        if self.may_fetch() {
            let (bar, policy) = (ui::fetch_bar(), FetchPolicy::IfMissing);
            // Characters need no file: the encoder brings a tokenizer of its own.
            let none = TokenizerConfig::default();
            corpora::ensure(&wanted.corpus, &none, &self.data, policy, &bar)?;
            corpora::ensure_model(&wanted.model, &self.data, policy, &bar)?;
            bar.finish_and_clear();
        }
        let mut digests = corpora::model_digests(&wanted.model, &self.data)?;
        digests.extend(corpora::text_digests(&wanted.corpus, &self.data)?);
        Ok(digests)
    }
}
