//! `datasets/manifest.toml`: where data comes from, under which licence, and how it is recognised.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::{CorpusError, digest::Digest};

/// A collection of tokenizers that stands beside the data folder.
pub(crate) const BESIDE_TOKENIZERS: &str = "../tokenizers/";

/// A collection of models that stands beside the data folder. These two are the only places outside
/// it where a file may be looked for.
pub(crate) const BESIDE_MODELS: &str = "../models/";

/// The committed manifest.
static EMBEDDED: LazyLock<Manifest> = LazyLock::new(|| {
    Manifest::parse(
        "datasets/manifest.toml",
        include_str!("../../../datasets/manifest.toml"),
    )
    .expect("the committed manifest is tested")
});

/// Everything that can be listed, fetched and checked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Corpora, questions, tokenizers and models.
    #[serde(rename = "entry")]
    pub entries: Vec<Entry>,
}

/// A corpus, questions, a tokenizer or a model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The name on the command line; for a corpus also its name in a sweep file.
    pub name: String,
    /// Other names that are understood.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What it is for.
    pub kind: EntryKind,
    /// One line about it.
    pub title: String,
    /// The licence of the data.
    pub licence: String,
    /// Its files; none for what is built in.
    #[serde(default, rename = "file")]
    pub files: Vec<FileEntry>,
}

/// What an entry is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A text to learn.
    Corpus,
    /// Questions whose answers are judged.
    Questions,
    /// A tokenizer.json.
    Tokenizer,
    /// A pretrained model: configuration, weights and tokenizer in one folder.
    Model,
}

/// One file of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Where it may stand below the data folder. The first that exists is read; a fetched file
    /// goes to the first.
    pub paths: Vec<String>,
    /// Where it is fetched from.
    #[serde(default)]
    pub source: Option<Source>,
    /// Contents that are known.
    #[serde(default, rename = "edition")]
    pub editions: Vec<Edition>,
    /// What the hub says of it, where the manifest knows nothing.
    #[serde(skip)]
    pub(crate) announced: Option<Announced>,
}

/// What the hub says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) bytes: u64,
    /// Of a large file.
    pub(crate) sha256: Option<String>,
}

/// Where a file is fetched from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Source {
    /// A file of a Hugging Face repository.
    Hub(HubSource),
    /// A plain address.
    Url(String),
}

/// A file of a Hugging Face repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubSource {
    /// Owner and name.
    pub repo: String,
    /// `dataset` or `model`.
    pub kind: RepoKind,
    /// The file's path in the repository.
    pub file: String,
    /// Branch, tag or commit.
    #[serde(default = "main_branch")]
    pub revision: String,
}

fn main_branch() -> String {
    "main".to_owned()
}

/// The two kinds of repository that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepoKind {
    /// A data set.
    Dataset,
    /// A model.
    Model,
}

/// A known content of a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edition {
    /// What this content is called.
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// The digest that is checked.
    pub blake3: String,
    /// The digest that other tools print, for people.
    pub sha256: String,
    /// Whether the source serves this content, so that a fetched file must equal it.
    #[serde(default)]
    pub served: bool,
}

impl Manifest {
    /// The committed manifest, compiled into the program.
    pub fn embedded() -> &'static Self {
        &EMBEDDED
    }

    /// Reads a manifest; `place` names it in messages.
    pub fn parse(place: &str, text: &str) -> Result<Self, CorpusError> {
        let malformed = |reason| CorpusError::Manifest {
            place: place.to_owned(),
            reason,
        };
        let manifest: Self = toml::from_str(text).map_err(|error| malformed(error.to_string()))?;
        for entry in &manifest.entries {
            for file in &entry.files {
                let bad =
                    |path: &String| path.is_empty() || path.starts_with('/') || path.contains("..");
                let elsewhere = |path: &&String| {
                    !path.starts_with(BESIDE_TOKENIZERS) && !path.starts_with(BESIDE_MODELS)
                };
                let is_bad = file.paths.first().is_none_or(bad)
                    || file.paths.iter().filter(elsewhere).any(bad);
                if is_bad {
                    return Err(malformed(format!(
                        "a file of `{}` needs `paths` below the data folder, got {:?}",
                        entry.name, file.paths
                    )));
                }
            }
        }
        Ok(manifest)
    }

    /// The entry of this name or alias.
    pub fn entry(&self, name: &str) -> Result<&Entry, CorpusError> {
        self.entries
            .iter()
            .find(|entry| entry.name == name || entry.aliases.iter().any(|alias| alias == name))
            .ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> CorpusError {
        let known: Vec<String> = self
            .entries
            .iter()
            .map(|entry| entry.name.clone())
            .collect();
        let near = registry::nearest(name, known.iter().map(String::as_str));
        CorpusError::Unknown {
            name: name.to_owned(),
            near: near.map(str::to_owned),
            known,
        }
    }
}

impl FileEntry {
    /// Where a fetched file goes.
    pub fn target(&self) -> &str {
        &self.paths[0]
    }

    /// The paths, for a message.
    pub fn names(&self) -> String {
        let names: Vec<_> = self.paths.iter().map(|path| format!("`{path}`")).collect();
        names.join(" or ")
    }

    /// The known content that a digest stands for.
    pub fn edition(&self, digest: &Digest) -> Option<&Edition> {
        self.editions
            .iter()
            .find(|edition| edition.blake3 == digest.blake3)
    }

    /// The size of the file, where it is known before it is fetched.
    pub(crate) fn bytes(&self) -> Option<u64> {
        let served = self.served().map(|edition| edition.bytes);
        served.or(self.announced.as_ref().map(|announced| announced.bytes))
    }

    /// The content that a fetched file must have, where it is known.
    pub fn served(&self) -> Option<&Edition> {
        self.editions.iter().find(|edition| edition.served)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CorpusConfig;

    #[test]
    fn the_committed_manifest_has_every_corpus() {
        for member in CorpusConfig::MEMBERS {
            let entry = Manifest::embedded().entry(member.name).unwrap();
            assert_eq!(entry.kind, EntryKind::Corpus);
            for alias in member.aliases {
                assert_eq!(Manifest::embedded().entry(alias).unwrap().name, member.name);
            }
        }
    }

    #[test]
    fn digests_in_the_committed_manifest_are_well_formed() {
        for entry in &Manifest::embedded().entries {
            for edition in entry.files.iter().flat_map(|file| &file.editions) {
                for digest in [&edition.blake3, &edition.sha256] {
                    assert_eq!(digest.len(), 64, "{}", entry.name);
                    assert!(digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
                }
            }
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = Manifest::embedded()
            .entry("imagenet")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("imagenet") && error.contains("`tinytales`"),
            "{error}"
        );
    }

    #[test]
    fn paths_outside_the_data_folder_are_refused() {
        let text = "[[entry]]\nname='a'\nkind='corpus'\ntitle='t'\nlicence='l'\n[[entry.file]]\npaths=['../a']";
        let error = Manifest::parse("m.toml", text).unwrap_err().to_string();
        assert!(
            error.contains("m.toml") && error.contains("../a"),
            "{error}"
        );
    }
}
