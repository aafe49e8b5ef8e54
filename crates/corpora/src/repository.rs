//! A model of the hub that the manifest does not know: what is in its repository.

use std::{fmt::Write as _, fs::File, io, path::Path};

use ring::digest::{Context, SHA256};
use serde::Deserialize;

use crate::manifest::{Announced, Entry, EntryKind, FileEntry, HubSource, RepoKind, Source};

/// The longest list of files that is read.
pub(crate) const MOST_LISTED: u64 = 8 << 20;

/// What says how a model and its texts are read; weights go by their ending. `config.json` comes last: where it is,
/// the rest is.
const READ: [&str; 11] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "generation_config.json",
    "quantize_config.json",
    "model.safetensors.index.json",
    "LICENSE",
    "config.json",
];

/// The hub's answer, as far as it is read.
#[derive(Deserialize)]
struct Listing {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    #[serde(rename = "rfilename")]
    file: String,
    size: Option<u64>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

/// Whether a name is that of a repository: an owner and a name, which are no folders of a path.
pub(crate) fn is_repository(name: &str) -> bool {
    let plain = |part: &str| {
        let letters = part.bytes();
        !part.starts_with('.')
            && !part.is_empty()
            && letters.clone().count() <= 96
            && letters
                .into_iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    name.split_once('/')
        .is_some_and(|(owner, name)| plain(owner) && plain(name))
}

/// Where the list of a repository's files is asked for.
pub(crate) fn url(endpoint: &str, repo: &str) -> String {
    format!("{endpoint}/api/models/{repo}?blobs=true")
}

/// The files of a model, from the list of its repository; all of one commit, which the list names.
pub(crate) fn entry(repo: &str, list: &[u8]) -> Result<Entry, String> {
    let listing: Listing = serde_json::from_slice(list)
        .map_err(|error| format!("the list of its files cannot be read: {error}"))?;
    let commit = listing.sha.bytes().all(|byte| byte.is_ascii_hexdigit());
    if listing.sha.len() != 40 || !commit {
        return Err("the list of its files names no commit".to_owned());
    }
    let mut files = Vec::new();
    for sibling in &listing.siblings {
        let Some(place) = place(&sibling.file) else {
            continue;
        };
        let large = sibling.lfs.as_ref();
        let Some(bytes) = large.map(|large| large.size).or(sibling.size) else {
            return Err(format!(
                "the list of its files has no size of {}",
                sibling.file
            ));
        };
        files.push((
            place,
            FileEntry {
                paths: vec![format!("models/{repo}/{}", sibling.file)],
                source: Some(Source::Hub(HubSource {
                    repo: repo.to_owned(),
                    kind: RepoKind::Model,
                    file: sibling.file.clone(),
                    revision: listing.sha.clone(),
                })),
                editions: Vec::new(),
                announced: Some(Announced {
                    bytes,
                    sha256: large.map(|large| large.sha256.to_ascii_lowercase()),
                }),
            },
        ));
    }
    files.sort_by(|a, b| (a.0, a.1.target()).cmp(&(b.0, b.1.target())));
    let has = |end: &str| files.iter().any(|(_, file)| file.target().ends_with(end));
    for end in ["config.json", ".safetensors"] {
        if !has(end) {
            return Err(format!(
                "it has no {end}, and is no model that can be read here"
            ));
        }
    }
    Ok(Entry {
        name: repo.to_owned(),
        aliases: Vec::new(),
        kind: EntryKind::Model,
        title: repo.to_owned(),
        licence: "as its repository says".to_owned(),
        files: files.into_iter().map(|(_, file)| file).collect(),
    })
}

/// The turn of a file among those that are fetched; none for what is left where it is.
fn place(file: &str) -> Option<usize> {
    // A name with a folder may lead anywhere, and a model needs none.
    if file.contains(['/', '\\']) || file.starts_with('.') {
        return None;
    }
    if Path::new(file)
        .extension()
        .is_some_and(|end| end == "safetensors")
    {
        return Some(0);
    }
    let turn = READ.iter().position(|known| *known == file)?;
    Some(turn + 1)
}

/// SHA-256 of a file, in hexadecimal.
pub(crate) fn sha256(path: &Path) -> io::Result<String> {
    struct Hashing(Context);
    impl io::Write for Hashing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut hashing = Hashing(Context::new(&SHA256));
    io::copy(&mut File::open(path)?, &mut hashing)?;
    let digest = hashing.0.finish();
    let mut text = String::new();
    for byte in digest.as_ref() {
        write!(text, "{byte:02x}").expect("a text takes all");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_have_an_owner_and_a_name() {
        for name in ["Qwen/Qwen1.5-MoE-A2.7B-Chat-GPTQ-Int4", "a/b_c"] {
            assert!(is_repository(name), "{name}");
        }
        for name in [
            "mine", "./mine", "../a", "a/b/c", "/a/b", "a/.b", "a/", "a/b c", "a\\b/c",
        ] {
            assert!(!is_repository(name), "{name}");
        }
    }

    #[test]
    fn files_of_a_model_are_listed_with_the_configuration_last() {
        let list = r#"{"sha": "0123456789012345678901234567890123456789", "siblings": [
            {"rfilename": "config.json", "size": 7},
            {"rfilename": "../evil.safetensors", "size": 1},
            {"rfilename": "onnx/model.safetensors", "size": 1},
            {"rfilename": "README.md", "size": 9},
            {"rfilename": "tokenizer.json", "size": 3},
            {"rfilename": "model-00002-of-00002.safetensors", "size": 5, "lfs": {"sha256": "AB", "size": 50}},
            {"rfilename": "model-00001-of-00002.safetensors", "size": 5, "lfs": {"sha256": "cd", "size": 60}}
        ]}"#;
        let entry = entry("o/n", list.as_bytes()).unwrap();
        let files: Vec<_> = entry.files.iter().map(FileEntry::target).collect();
        let expected = [
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "tokenizer.json",
            "config.json",
        ];
        assert_eq!(files, expected.map(|file| format!("models/o/n/{file}")));
        let announced = entry.files[1].announced.clone().unwrap();
        assert_eq!(
            (announced.bytes, announced.sha256.as_deref()),
            (50, Some("ab"))
        );
        assert_eq!(
            entry.files[3].announced.as_ref().map(|file| file.bytes),
            Some(7)
        );
    }

    #[test]
    fn what_is_no_list_of_a_model_is_refused() {
        let sha = "0123456789012345678901234567890123456789";
        for (list, word) in [
            ("<html>".to_owned(), "cannot be read"),
            (
                r#"{"sha": "main", "siblings": []}"#.to_owned(),
                "names no commit",
            ),
            (
                format!(r#"{{"sha": "{sha}", "siblings": []}}"#),
                "no config.json",
            ),
            (
                format!(r#"{{"sha": "{sha}", "siblings": [{{"rfilename": "config.json"}}]}}"#),
                "no size of config.json",
            ),
            (
                format!(
                    r#"{{"sha": "{sha}", "siblings": [{{"rfilename": "config.json", "size": 1}}]}}"#
                ),
                ".safetensors",
            ),
        ] {
            let refused = entry("o/n", list.as_bytes()).unwrap_err();
            assert!(refused.contains(word), "{refused}");
        }
    }

    #[test]
    fn the_digest_is_sha_256() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(file.path()).unwrap(), expected);
    }
}
