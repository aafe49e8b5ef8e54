//! Fetching a model that the manifest does not know, against a small server on this machine.

mod hub;

use std::fs;

use corpora::{DataDir, Fetcher, Manifest};
use hub::Server;
use indicatif::ProgressBar;

/// Four bytes as a safetensors file has them.
const BODY: &[u8] =
    b"\x38\x00\x00\x00\x00\x00\x00\x00{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}   abcd";

const COMMIT: &str = "0123456789012345678901234567890123456789";

/// Serves a model that no manifest knows; `sha256` is announced of its weights.
fn serve_model(server: &Server, sha256: &str, breaks_after: Option<usize>) {
    let list = format!(
        r#"{{"sha": "{COMMIT}", "siblings": [{{"rfilename": "config.json", "size": 2}},
            {{"rfilename": "tokenizer.json", "size": 2}}, {{"rfilename": "README.md", "size": 9}},
            {{"rfilename": "model.safetensors", "size": 3, "lfs": {{"sha256": "{sha256}", "size": {}}}}}]}}"#,
        BODY.len()
    );
    server.serve("/api/models/owner/model?blobs=true", list.as_bytes(), None);
    let path = |file: &str| format!("/owner/model/resolve/{COMMIT}/{file}");
    server.serve(&path("config.json"), b"{}", None);
    server.serve(&path("tokenizer.json"), b"{}", None);
    server.serve(&path("model.safetensors"), BODY, breaks_after);
}

#[test]
fn a_model_of_any_repository_is_fetched_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::new(folder.path());
    let server = Server::start();
    let fetcher = Fetcher::new(Manifest::embedded().clone(), &server.endpoint);
    let fetch = || fetcher.fetch("owner/model", &data, &ProgressBar::hidden());
    // Of BODY, by another program.
    let sha256 = "58873654a99d76c4a26900ff6582a36a6fb06b2e77c46e48a20827b7d8d3a3d4";

    // Weights come first, and nothing is a model without its configuration.
    serve_model(&server, sha256, Some(20));
    let cut = fetch().unwrap_err().to_string();
    assert!(cut.contains("20 of"), "{cut}");
    assert!(!data.file("models/owner/model/config.json").exists());
    assert!(corpora::model_folder("owner/model", &data).is_err());

    serve_model(&server, sha256, None);
    let fetched = fetch().unwrap();
    assert!(server.asked().contains(&"20-".to_owned()), "it went on");
    let files: Vec<_> = fetched
        .iter()
        .map(|file| file.digest.file.as_str())
        .collect();
    let expected = ["model.safetensors", "tokenizer.json", "config.json"];
    assert_eq!(
        files,
        expected.map(|file| format!("models/owner/model/{file}"))
    );
    assert_eq!(fs::read(data.file(files[0])).unwrap(), BODY);
    assert!(fetch().unwrap().iter().all(|file| file.was_present));

    // Other weights than those that were announced are none.
    let other = tempfile::tempdir().unwrap();
    serve_model(&server, &"0".repeat(64), None);
    let data = DataDir::new(other.path());
    let wrong = fetcher.fetch("owner/model", &data, &ProgressBar::hidden());
    let wrong = wrong.unwrap_err().to_string();
    assert!(
        wrong.contains(sha256) && wrong.contains(&"0".repeat(64)),
        "{wrong}"
    );
    assert!(!data.file("models/owner/model/model.safetensors").exists());

    let unknown = fetcher.fetch("owner/other", &data, &ProgressBar::hidden());
    let unknown = unknown.unwrap_err();
    assert!(unknown.is_missing());
    let unknown = unknown.to_string();
    for word in ["owner/other", "404", "models/owner/other"] {
        assert!(unknown.contains(word), "{unknown}");
    }
}
