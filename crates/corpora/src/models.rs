//! Pretrained models: where the folder of one stands, and what is in it.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use indicatif::ProgressBar;

use crate::{
    CorpusError,
    data_dir::DataDir,
    digest::Digest,
    fetch::{FetchPolicy, Fetcher},
    known::digest_of,
    manifest::{BESIDE_MODELS, EntryKind, Manifest},
    repository::is_repository,
};

/// The file that makes a folder a model's.
const CONFIG: &str = "config.json";

/// The folder of models below the data folder.
const MODELS: &str = "models/";

/// The folder of a pretrained model.
///
/// A name is looked for as `models/NAME/` in the data folder and beside it; what has more than one
/// part, such as `./NAME` or `/data/NAME`, is a path first. Only one that begins with a name, such as
/// `NAME/fp32`, is looked for there too.
///
/// # Errors
///
/// When there is no such folder with a `config.json`; the message names the places and the remedy.
pub fn model_folder(name: &str, data: &DataDir) -> Result<PathBuf, CorpusError> {
    let candidates = candidates(name, data);
    let found = candidates
        .iter()
        .find(|folder| folder.join(CONFIG).is_file());
    if let Some(found) = found {
        return Ok(found.clone());
    }
    let looked: Vec<_> = candidates
        .iter()
        .map(|folder| format!("{}", folder.join(CONFIG).display()))
        .collect();
    Err(CorpusError::MissingModel {
        name: name.to_owned(),
        looked: looked.join(", "),
        remedy: if is_known(name) {
            format!("fetch it with `xp data fetch {name}`")
        } else if is_repository(name) {
            format!("copy its folder there, or, of a model of the hub, `xp data fetch {name}`")
        } else {
            "copy its folder there".to_owned()
        },
    })
}

/// The digests of a model's files: configuration, tokenizer and weights, in the order of their
/// names. A file that was fetched must be as it was then.
///
/// # Errors
///
/// What [`model_folder`] refuses; a file that cannot be read or has changed since it was fetched.
pub fn model_digests(name: &str, data: &DataDir) -> Result<Vec<Digest>, CorpusError> {
    let folder = model_folder(name, data)?;
    let unreadable = |path: &Path, source| CorpusError::Read {
        path: path.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|source| unreadable(&folder, source))? {
        let entry = entry.map_err(|source| unreadable(&folder, source))?;
        let file = entry.file_name().to_string_lossy().into_owned();
        if counts(&file) {
            files.push(file);
        }
    }
    files.sort();
    let fetched = folder == data.file(&format!("{MODELS}{name}"));
    let digest = |file: &String| {
        let known = format!("{MODELS}{name}/{file}");
        if fetched {
            return data.digest(&known);
        }
        let path = folder.join(file);
        let known = if is_path(name) { file } else { &known };
        digest_of(known, &path).map_err(|source| unreadable(&path, source))
    };
    files.iter().map(digest).collect()
}

/// Fetches a model that is missing, if the policy allows it; a program calls it first to show its
/// bar.
///
/// # Errors
///
/// What [`Fetcher::fetch`] refuses, and [`CorpusError::MissingModel`] for a model that the manifest
/// does not know.
pub fn ensure_model(
    name: &str,
    data: &DataDir,
    policy: FetchPolicy,
    bar: &ProgressBar,
) -> Result<(), CorpusError> {
    match policy {
        FetchPolicy::Never => Ok(()),
        FetchPolicy::IfMissing => Fetcher::from_env().ensure_model(name, data, bar),
    }
}

impl Fetcher {
    /// Fetches the files of a model that is missing.
    ///
    /// # Errors
    ///
    /// As [`ensure_model`].
    pub fn ensure_model(
        &self,
        name: &str,
        data: &DataDir,
        bar: &ProgressBar,
    ) -> Result<(), CorpusError> {
        match model_folder(name, data) {
            Ok(_) => Ok(()),
            Err(_) if is_known(name) => self.fetch(name, data, bar).map(|_| ()),
            Err(missing) => Err(missing),
        }
    }
}

fn candidates(name: &str, data: &DataDir) -> Vec<PathBuf> {
    let named = [MODELS, BESIDE_MODELS].map(|folder| data.file(&format!("{folder}{name}")));
    if !is_path(name) {
        return named.into();
    }
    let path = PathBuf::from(name);
    // `..` would lead out of where models are.
    let plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let named = named
        .into_iter()
        .filter(|_| plain && !name.starts_with('.'));
    std::iter::once(path.clone()).chain(named).collect()
}

fn is_path(name: &str) -> bool {
    Path::new(name).components().count() != 1 || name.starts_with('.')
}

fn is_known(name: &str) -> bool {
    let entry = Manifest::embedded().entry(name);
    entry.is_ok_and(|entry| entry.kind == EntryKind::Model)
}

/// Whether a file decides what a model computes.
fn counts(file: &str) -> bool {
    [CONFIG, "tokenizer.json", "model.safetensors.index.json"].contains(&file)
        || Path::new(file)
            .extension()
            .is_some_and(|extension| extension == "safetensors")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_for_in_two_places_and_a_path_in_one() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::new(folder.path().join("datasets"));
        let message = |name| model_folder(name, &data).unwrap_err().to_string();
        let missing = message("bert-base-uncased");
        for word in [
            "datasets/models/bert-base-uncased/config.json",
            "datasets/../models/bert-base-uncased/config.json",
            "`xp data fetch bert-base-uncased`",
        ] {
            assert!(missing.contains(word), "{missing}");
        }
        let missing = message("./mine");
        assert!(
            missing.contains("looked for ./mine/config.json;"),
            "{missing}"
        );
        assert!(missing.contains("copy its folder there"), "{missing}");

        let write = |file: &str, bytes: &[u8]| {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        write("models/mine/config.json", b"{}");
        write("models/mine/b.safetensors", b"b");
        write("models/mine/a.safetensors", b"a");
        write("models/mine/README.md", b"for people");
        fs::create_dir_all(&data.path).unwrap();
        let digests = model_digests("mine", &data).unwrap();
        let files: Vec<_> = digests.iter().map(|digest| digest.file.as_str()).collect();
        let expected = ["a.safetensors", "b.safetensors", CONFIG];
        assert_eq!(files, expected.map(|file| format!("models/mine/{file}")));
        assert_eq!(digests[0].blake3, blake3::hash(b"a").to_hex().as_str());

        // As a path it is the same model, under names that tell nothing of the machine.
        let path = folder.path().join("models/mine");
        let digests = model_digests(path.to_str().unwrap(), &data).unwrap();
        assert_eq!(digests[0].file, "a.safetensors");
        // One of several forms of a model, by a name of two parts.
        write("models/two/fp32/config.json", b"{}");
        let found = model_folder("two/fp32", &data).unwrap();
        assert!(found.ends_with("models/two/fp32"), "{found:?}");
        for name in ["two/fp16", "./two/fp32", "two/../two/fp32"] {
            let missing = message(name);
            let elsewhere = missing.contains("datasets");
            assert_eq!(elsewhere, name == "two/fp16", "{missing}");
        }
        // In the data folder it comes first.
        write("datasets/models/mine/config.json", b"{ }");
        assert_eq!(model_digests("mine", &data).unwrap().len(), 1);
    }
}
