//! Fetching, against a small server on this machine that speaks as the hub does.

mod hub;

use std::{fs, path::Path, thread};

use corpora::{
    CorpusConfig, CorpusError, DataDir, FetchPolicy, Fetcher, FileState, Manifest,
    PretrainedConfig, TinyStoriesConfig, TokenizerConfig,
};
use hub::Server;
use indicatif::ProgressBar;

const BODY: &[u8] = b"Once there was a file.\n<|endoftext|>\nIt was fetched.\n";

const HUB_PATH: &str = "/datasets/owner/stories/resolve/main/train.txt";

fn manifest(server: &Server, edition: &str) -> Manifest {
    let text = format!(
        r#"
[[entry]]
name = "stories"
kind = "corpus"
title = "t"
licence = "l"
[[entry.file]]
paths = ["stories/train.txt", "stories/other.txt"]
source = {{ hub = {{ repo = "owner/stories", kind = "dataset", file = "train.txt" }} }}
{edition}

[[entry]]
name = "plain"
kind = "corpus"
title = "t"
licence = "l"
[[entry.file]]
paths = ["plain/input.txt"]
source = {{ url = "{}/plain.txt" }}

[[entry]]
name = "nowhere"
kind = "corpus"
title = "t"
licence = "l"
[[entry.file]]
paths = ["nowhere/input.txt"]
"#,
        server.endpoint
    );
    Manifest::parse("test manifest", &text).unwrap()
}

fn edition(body: &[u8]) -> String {
    let zeros = "0".repeat(64);
    format!(
        "[[entry.file.edition]]\nname = 'complete'\nbytes = {}\nblake3 = '{}'\nsha256 = '{zeros}'\nserved = true",
        body.len(),
        blake3::hash(body).to_hex()
    )
}

struct Place {
    server: Server,
    _folder: tempfile::TempDir,
    data: DataDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::new(folder.path().join("datasets"));
        Self {
            server: Server::start(),
            _folder: folder,
            data,
        }
    }

    fn fetcher(&self, edition: &str) -> Fetcher {
        Fetcher::new(manifest(&self.server, edition), &self.server.endpoint)
    }

    fn fetch(&self, fetcher: &Fetcher, name: &str) -> Result<Vec<corpora::Fetched>, CorpusError> {
        fetcher.fetch(name, &self.data, &ProgressBar::hidden())
    }

    /// Whether a file appeared under its name.
    fn has_target(&self, folder: &str) -> bool {
        let targets = ["train.txt", "input.txt"].map(String::from);
        self.names(folder).iter().any(|name| targets.contains(name))
    }

    /// The names in a folder of the data folder, in order.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.data.file(folder)).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn a_hub_file_arrives_whole_and_is_recorded() {
    let place = Place::new();
    place.server.serve(HUB_PATH, BODY, None);
    let fetcher = place.fetcher(&edition(BODY));
    let fetched = place.fetch(&fetcher, "stories").unwrap();
    assert!(!fetched[0].was_present);
    assert_eq!(fetched[0].edition.as_deref(), Some("complete"));
    assert_eq!(
        fs::read(place.data.file("stories/train.txt")).unwrap(),
        BODY
    );
    assert_eq!(
        place.names("stories"),
        [".fetch.lock", "digest.toml", "train.txt"]
    );
    let report = &fetcher.check("stories", &place.data).unwrap()[0];
    assert_eq!(report.state, FileState::Known("complete".into()));

    let asked = place.server.asked().len();
    assert!(place.fetch(&fetcher, "stories").unwrap()[0].was_present);
    assert_eq!(place.server.asked().len(), asked);
}

#[test]
fn a_file_without_a_known_digest_is_held_to_the_one_it_arrived_with() {
    let place = Place::new();
    place.server.serve("/plain.txt", BODY, None);
    let fetcher = place.fetcher("");
    let fetched = place.fetch(&fetcher, "plain").unwrap();
    assert_eq!(
        fetched[0].edition, None,
        "that nothing is known of it is said"
    );
    let file = place.data.file("plain/input.txt");
    assert_eq!(fs::read(&file).unwrap(), BODY);
    let state = || fetcher.check("plain", &place.data).unwrap().remove(0).state;
    assert_eq!(state(), FileState::AsFetched);

    fs::write(&file, "something else").unwrap();
    assert_eq!(
        state(),
        FileState::Changed(blake3::hash(BODY).to_hex().to_string())
    );
    let error = place.fetch(&fetcher, "plain").unwrap_err();
    assert!(matches!(error, CorpusError::Changed { .. }), "{error}");

    fs::remove_file(file.with_file_name("digest.toml")).unwrap();
    assert_eq!(state(), FileState::Unrecognised);
}

#[test]
fn another_content_than_the_recorded_one_is_discarded() {
    let place = Place::new();
    let altered = [b"Twice", &BODY[5..]].concat();
    assert_eq!(altered.len(), BODY.len());
    place.server.serve(HUB_PATH, &altered, None);
    let error = place
        .fetch(&place.fetcher(&edition(BODY)), "stories")
        .unwrap_err();
    assert!(
        matches!(error, CorpusError::DigestMismatch { .. }),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains(&blake3::hash(BODY).to_hex().to_string())
    );
    assert!(error.is_missing());
    assert_eq!(place.names("stories"), [".fetch.lock"]);
}

#[test]
fn a_missing_file_names_the_address() {
    let place = Place::new();
    let fetcher = place.fetcher("");
    for (name, path) in [("stories", HUB_PATH), ("plain", "/plain.txt")] {
        let error = place.fetch(&fetcher, name).unwrap_err();
        let CorpusError::Download { url, reason, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(*url, format!("{}{path}", place.server.endpoint));
        assert!(reason.contains("404"), "{reason}");
        assert!(error.is_missing());
        // What is not on the hub has no mirror.
        let mirror = error.to_string().contains("HF_ENDPOINT");
        assert_eq!(mirror, name == "stories", "{error}");
        assert!(!place.has_target(name));
    }
}

#[test]
fn a_broken_line_leaves_no_file_and_the_download_goes_on() {
    let place = Place::new();
    let fetcher = place.fetcher(&edition(BODY));
    place.server.serve(HUB_PATH, BODY, Some(20));
    place.server.serve("/plain.txt", BODY, Some(20));
    for name in ["stories", "plain"] {
        let error = place.fetch(&fetcher, name).unwrap_err();
        assert!(matches!(error, CorpusError::Download { .. }), "{error}");
        assert!(!place.has_target(name));
    }

    place.server.serve(HUB_PATH, BODY, None);
    place.server.serve("/plain.txt", BODY, None);
    for (name, file) in [("stories", "train.txt"), ("plain", "input.txt")] {
        place.fetch(&fetcher, name).unwrap();
        let path = place.data.file(&format!("{name}/{file}"));
        assert_eq!(fs::read(path).unwrap(), BODY);
        assert_eq!(place.server.asked().last().unwrap(), "20-");
        assert_eq!(place.names(name), [".fetch.lock", "digest.toml", file]);
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let place = Place::new();
    fs::create_dir_all(&place.data.path).unwrap();
    fs::write(place.data.file("stories"), "no folder").unwrap();
    let error = place.fetch(&place.fetcher(""), "stories").unwrap_err();
    assert!(matches!(error, CorpusError::Write { .. }), "{error}");
    assert!(error.is_missing() && error.to_string().contains("stories"));
    assert!(place.server.asked().is_empty());
}

#[test]
fn what_is_there_under_another_name_is_kept() {
    let place = Place::new();
    fs::create_dir_all(place.data.file("stories")).unwrap();
    fs::write(place.data.file("stories/other.txt"), "mine").unwrap();
    let fetched = place.fetch(&place.fetcher(""), "stories").unwrap();
    assert_eq!(fetched[0].digest.file, "stories/other.txt");
    assert!(fetched[0].was_present);
}

#[test]
fn what_cannot_be_fetched_says_so() {
    let place = Place::new();
    let fetcher = place.fetcher("");
    let error = place.fetch(&fetcher, "nowhere").unwrap_err();
    assert!(error.to_string().contains("nowhere/input.txt"), "{error}");
    assert!(matches!(error, CorpusError::NoSource { .. }), "{error}");
    let error = place.fetch(&fetcher, "elsewhere").unwrap_err().to_string();
    assert!(error.contains("`plain`"), "{error}");
}

#[test]
fn missing_data_is_fetched_when_the_policy_allows_it() {
    let place = Place::new();
    let fetcher = Fetcher::new(
        Manifest::embedded().clone(),
        &format!("{}/", place.server.endpoint),
    );
    let hub = "/datasets/roneneldan/TinyStories/resolve/main/TinyStories";
    place.server.serve(&format!("{hub}-train.txt"), BODY, None);
    place.server.serve(&format!("{hub}-valid.txt"), BODY, None);
    let corpus = CorpusConfig::from(TinyStoriesConfig::default());
    let tokenizer = TokenizerConfig::default();
    let load = || corpora::load(&corpus, &tokenizer, &place.data, FetchPolicy::Never);
    assert!(load().unwrap_err().is_missing());
    fetcher
        .ensure(&corpus, &tokenizer, &place.data, &ProgressBar::hidden())
        .unwrap();
    assert_eq!(load().unwrap().train.bytes, BODY.len());

    let unknown = TokenizerConfig::from(PretrainedConfig {
        file: "nobody".into(),
    });
    let error = fetcher
        .ensure(&corpus, &unknown, &place.data, &ProgressBar::hidden())
        .unwrap_err();
    assert!(
        matches!(error, CorpusError::MissingTokenizer { .. }),
        "{error}"
    );
}

#[test]
fn a_model_arrives_in_a_folder_of_its_own() {
    let place = Place::new();
    let fetcher = Fetcher::new(Manifest::embedded().clone(), &place.server.endpoint);
    let name = "bert-base-uncased";
    let hub = "/google-bert/bert-base-uncased/resolve/main";
    let files = ["config.json", "model.safetensors", "tokenizer.json"];
    let bar = ProgressBar::hidden();
    let fetch = || fetcher.ensure_model(name, &place.data, &bar);
    let weights: &[u8] = b"\x02\0\0\0\0\0\0\0{}";
    // A fetch that stops before the configuration leaves no folder that looks whole.
    for (file, body) in [(files[1], weights), (files[2], b"{ }")] {
        place.server.serve(&format!("{hub}/{file}"), body, None);
    }
    assert!(matches!(fetch().unwrap_err(), CorpusError::Download { .. }));
    let missing = corpora::model_folder(name, &place.data).unwrap_err();
    assert!(missing.is_missing(), "{missing}");

    place
        .server
        .serve(&format!("{hub}/config.json"), b"{}", None);
    fetch().unwrap();
    let folder = corpora::model_folder(name, &place.data).unwrap();
    assert_eq!(folder, place.data.file("models/bert-base-uncased"));
    assert_eq!(fs::read(folder.join("model.safetensors")).unwrap(), weights);
    let digests = corpora::model_digests(name, &place.data).unwrap();
    let found: Vec<_> = digests.iter().map(|digest| digest.file.clone()).collect();
    assert_eq!(found, files.map(|file| format!("models/{name}/{file}")));

    let asked = place.server.asked().len();
    fetch().unwrap();
    assert_eq!(
        place.server.asked().len(),
        asked,
        "what is there is not asked for"
    );
    fs::write(folder.join("model.safetensors"), "other weights").unwrap();
    let error = corpora::model_digests(name, &place.data).unwrap_err();
    assert!(matches!(error, CorpusError::Changed { .. }), "{error}");
    let error = fetcher
        .ensure_model("nobody", &place.data, &bar)
        .unwrap_err();
    assert!(matches!(error, CorpusError::MissingModel { .. }), "{error}");
}

#[test]
fn two_at_once_fetch_once() {
    let place = Place::new();
    place.server.serve(HUB_PATH, BODY, None);
    let fetcher = place.fetcher("");
    let fetched: Vec<_> = thread::scope(|scope| {
        let start = || scope.spawn(|| place.fetch(&fetcher, "stories").unwrap().remove(0));
        [start(), start()]
            .map(|handle| handle.join().unwrap())
            .into()
    });
    assert_eq!(fetched.iter().filter(|file| file.was_present).count(), 1);
}

#[test]
fn every_entry_is_listed() {
    let listings = corpora::list(&DataDir::new(Path::new("no such folder"))).unwrap();
    let tales = listings
        .iter()
        .find(|listing| listing.name == "tinytales")
        .unwrap();
    assert!(tales.files.is_empty() && tales.source.is_none());
    let stories = listings
        .iter()
        .find(|listing| listing.name == "tinystories")
        .unwrap();
    assert_eq!(stories.source.as_deref(), Some("roneneldan/TinyStories"));
    assert!(
        stories
            .files
            .iter()
            .all(|file| file.state == FileState::Missing)
    );
}
