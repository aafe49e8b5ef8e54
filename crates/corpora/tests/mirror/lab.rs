//! A data folder among other folders, and fetches into it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use corpora::{CorpusError, DataDir, Fetched, Fetcher, Manifest, Patience};
use indicatif::ProgressBar;

use crate::server::Mirror;

/// What the honest server sends.
pub(crate) const BODY: &[u8] = b"Once there was a file.\n<|endoftext|>\nIt was fetched.\n";

/// Where the file of the manifest is asked for.
pub(crate) const PATH: &str = "/datasets/owner/stories/resolve/main/train.txt";

/// Longer than any fetch from this machine takes, unless it hangs.
const DEADLINE: Duration = Duration::from_mins(1);

pub(crate) struct Lab {
    root: tempfile::TempDir,
    pub(crate) data: DataDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let data = DataDir::new(root.path().join("a/b/datasets"));
        // Something to destroy at every height.
        for folder in ["", "a", "a/b", "a/b/datasets"] {
            let folder = root.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("victim.txt"), "still here").unwrap();
        }
        Self { root, data }
    }

    /// The file that is fetched.
    pub(crate) fn target(&self) -> PathBuf {
        self.data.file("stories/train.txt")
    }

    /// The part of it that has arrived.
    pub(crate) fn part(&self) -> PathBuf {
        self.data.file("stories/.train.txt.part")
    }

    pub(crate) fn note(&self) -> PathBuf {
        self.data.file("stories/.train.txt.part.toml")
    }

    /// A full path outside the data folder.
    pub(crate) fn victim(&self) -> String {
        self.root.path().join("victim.txt").display().to_string()
    }

    /// Fetches a file of which nothing is known.
    pub(crate) fn fetch(&self, mirror: &Mirror) -> Result<Fetched, CorpusError> {
        self.run(fetcher(&mirror.endpoint, ""))
    }

    /// Fetches a file that must be [`BODY`].
    pub(crate) fn fetch_known(&self, mirror: &Mirror) -> Result<Fetched, CorpusError> {
        self.run(fetcher(&mirror.endpoint, &edition()))
    }

    /// Fetches a file of which nothing is known, and waits for no more than a second.
    pub(crate) fn fetch_impatiently(&self, mirror: &Mirror) -> Result<Fetched, CorpusError> {
        let wait = Duration::from_secs(1);
        let patience = Patience {
            connect: wait,
            answer: wait,
            stall: wait,
        };
        self.run(fetcher(&mirror.endpoint, "").patience(patience))
    }

    pub(crate) fn run(&self, fetcher: Fetcher) -> Result<Fetched, CorpusError> {
        let (sender, receiver) = mpsc::channel();
        let data = self.data.clone();
        thread::spawn(move || {
            let fetched = fetcher.fetch("stories", &data, &ProgressBar::hidden());
            let _ = sender.send(fetched);
        });
        let fetched = receiver
            .recv_timeout(DEADLINE)
            .expect("the fetch does not end");
        fetched.map(|mut files| files.remove(0))
    }

    /// Every file that is not the data's own, and its content.
    pub(crate) fn others(&self) -> BTreeMap<PathBuf, String> {
        let mut files = BTreeMap::new();
        walk(self.root.path(), &mut files);
        let stories = self.data.file("stories");
        files.retain(|path, _| !path.starts_with(&stories));
        files
    }

    /// The names in the folder of the file, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut files = BTreeMap::new();
        let stories = self.data.file("stories");
        walk(&stories, &mut files);
        let name = |path: &PathBuf| path.strip_prefix(&stories).unwrap().display().to_string();
        files.keys().map(name).collect()
    }

    /// The file arrived, and nothing else is left.
    pub(crate) fn has_arrived(&self, body: &[u8]) {
        assert_eq!(fs::read(self.target()).unwrap(), body);
        assert_eq!(self.names(), [".fetch.lock", "digest.toml", "train.txt"]);
    }
}

fn walk(folder: &Path, files: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // A link that leads nowhere is something that was made too.
        if path.is_dir() && !path.is_symlink() {
            walk(&path, files);
        } else {
            let content = fs::read(&path).unwrap_or_default();
            files.insert(path, String::from_utf8_lossy(&content).into_owned());
        }
    }
}

/// The edition of [`BODY`], which the source serves.
pub(crate) fn edition() -> String {
    format!(
        "[[entry.file.edition]]\nname = 'complete'\nbytes = {}\nblake3 = '{}'\nsha256 = '{}'\nserved = true",
        BODY.len(),
        blake3::hash(BODY).to_hex(),
        "0".repeat(64),
    )
}

pub(crate) fn fetcher(endpoint: &str, edition: &str) -> Fetcher {
    let text = format!(
        r#"
[[entry]]
name = "stories"
kind = "corpus"
title = "t"
licence = "l"
[[entry.file]]
paths = ["stories/train.txt"]
source = {{ hub = {{ repo = "owner/stories", kind = "dataset", file = "train.txt" }} }}
{edition}
"#
    );
    Fetcher::new(Manifest::parse("test manifest", &text).unwrap(), endpoint)
}
