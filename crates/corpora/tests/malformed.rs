//! What is missing or broken is named, with its place and a remedy.

use std::fs;

use corpora::{
    Commonsense170kConfig, CorpusConfig, CorpusError, DataDir, FetchPolicy, PretrainedConfig,
    TinyShakespeareConfig, TinyStoriesConfig, TinytalesConfig, TokenizerConfig,
};
use rstest::rstest;

fn load(corpus: impl Into<CorpusConfig>, data: &DataDir) -> Result<corpora::Dataset, CorpusError> {
    corpora::load(
        &corpus.into(),
        &TokenizerConfig::default(),
        data,
        FetchPolicy::Never,
    )
}

/// A data folder with these files.
fn folder(files: &[(&str, &[u8])]) -> (tempfile::TempDir, DataDir) {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::new(folder.path());
    for (name, content) in files {
        let path = data.file(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    (folder, data)
}

#[rstest]
#[case(TinyStoriesConfig::default().into(), "`tinystories/train.txt`")]
#[case(TinyShakespeareConfig {}.into(), "`tinyshakespeare/input.txt`")]
#[case(
    Commonsense170kConfig {}.into(),
    "`commonsense/commonsense_170k.json` or `commonsense/train_subset.json`"
)]
fn missing_data_is_named_with_its_remedies(#[case] corpus: CorpusConfig, #[case] file: &str) {
    let (_folder, data) = folder(&[]);
    let name = corpus.name();
    let tokenizer = TokenizerConfig::default();
    for error in [
        load(corpus.clone(), &data).unwrap_err(),
        corpora::digests(&corpus, &tokenizer, &data).unwrap_err(),
    ] {
        assert!(error.is_missing());
        let message = error.to_string();
        for part in [
            file,
            "--data-dir",
            &format!("xp data fetch {name}"),
            data.path.to_str().unwrap(),
        ] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }
}

#[test]
fn one_missing_file_of_two_is_named() {
    let (_folder, data) = folder(&[("tinystories/train.txt", b"text")]);
    let message = load(TinyStoriesConfig::default(), &data)
        .unwrap_err()
        .to_string();
    assert!(message.contains("tinystories/valid.txt"), "{message}");
}

#[test]
fn bytes_that_are_not_utf8_are_placed() {
    let (_folder, data) = folder(&[("tinyshakespeare/input.txt", b"a\nb\n\xfe\n")]);
    let error = load(TinyShakespeareConfig {}, &data).unwrap_err();
    let message = error.to_string();
    assert!(
        matches!(
            error,
            CorpusError::NotUtf8 {
                byte: 4,
                line: 3,
                ..
            }
        ),
        "{message}"
    );
    assert!(
        message.contains("input.txt") && message.contains("iconv"),
        "{message}"
    );
}

#[test]
fn an_empty_file_is_named() {
    let (_folder, data) = folder(&[
        ("tinystories/train.txt", b"text"),
        ("tinystories/valid.txt", b""),
    ]);
    let error = load(TinyStoriesConfig::default(), &data).unwrap_err();
    assert!(
        matches!(&error, CorpusError::Empty { path } if path.ends_with("valid.txt")),
        "{error}"
    );
}

#[test]
fn a_file_too_small_to_split_is_named() {
    let (_folder, data) = folder(&[("tinyshakespeare/input.txt", b"one line\n")]);
    let error = load(TinyShakespeareConfig {}, &data).unwrap_err();
    assert!(
        matches!(
            error,
            CorpusError::EmptySplit {
                split: "validation",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_malformed_record_is_numbered() {
    let json = br#"[{"instruction": "a", "output": "b"}, {"instruction": 3, "output": "b"}]"#;
    let (_folder, data) = folder(&[("commonsense/train_subset.json", json)]);
    let message = load(Commonsense170kConfig {}, &data)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("record 2") && message.contains("train_subset.json"),
        "{message}"
    );
}

#[rstest]
#[case("{", "EOF")]
#[case("{\"version\": \"1.0\"}", "not a usable tokenizer")]
// Damage at which the library would panic, and a vocabulary that fails at the first rare letter.
#[case(
    r#"{"version": "1.0", "decoder":: {"type": "WordPiece"}}"#,
    "expected value"
)]
#[case(r#"{"version": "1.0", "decoder": {"cleanup": 1e999}}"#, "out of range")]
#[case(
    r###"{"version": "1.0", "model": {"type": "WordPiece", "unk_token": "[UNK]",
        "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {"a": 0}}}"###,
    "Missing [UNK] token"
)]
#[case(
    r#"{"version": "1.0", "model": {"type": "WordLevel", "unk_token": "a", "vocab": {"a": 0}},
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]",
        "type_id": 0}}], "pair": [], "special_tokens": {}}}"#,
    "the token \"[CLS]\", which is not among its special_tokens"
)]
fn a_malformed_tokenizer_is_named(#[case] json: &str, #[case] word: &str) {
    let (_folder, data) = folder(&[("tokenizers/mine/tokenizer.json", json.as_bytes())]);
    let tokenizer = PretrainedConfig {
        file: "mine".into(),
    }
    .into();
    let corpus = TinytalesConfig::default().into();
    let error = corpora::load(&corpus, &tokenizer, &data, FetchPolicy::Never).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains(word) && message.contains("mine/tokenizer.json"),
        "{message}"
    );
    assert!(!error.is_missing());
}

#[rstest]
#[case("gpt2", "xp data fetch gpt2")]
#[case("nobody", "copy it there")]
#[case("some/tokenizer.json", "some/tokenizer.json")]
fn a_missing_tokenizer_names_where_it_was_looked_for(#[case] file: &str, #[case] part: &str) {
    let (_folder, data) = folder(&[]);
    let tokenizer = PretrainedConfig { file: file.into() }.into();
    let corpus = TinytalesConfig::default().into();
    let error = corpora::load(&corpus, &tokenizer, &data, FetchPolicy::Never).unwrap_err();
    let message = error.to_string();
    assert!(error.is_missing());
    assert!(
        message.contains(part) && message.contains("--data-dir"),
        "{message}"
    );
    assert!(message.contains("tokenizer.json"), "{message}");
}

#[test]
fn a_file_that_changed_after_its_fetch_is_refused() {
    let record =
        "[[file]]\nfile = 'tinyshakespeare/input.txt'\nbytes = 3\nblake3 = 'abc'\nsource = 'x'\n";
    let (_folder, data) = folder(&[
        ("tinyshakespeare/input.txt", b"a\nb\nc\n"),
        ("tinyshakespeare/digest.toml", record.as_bytes()),
    ]);
    let error = load(TinyShakespeareConfig {}, &data).unwrap_err();
    assert!(matches!(error, CorpusError::Changed { .. }), "{error}");
    fs::write(data.file("tinyshakespeare/digest.toml"), "file = 3").unwrap();
    let message = load(TinyShakespeareConfig {}, &data)
        .unwrap_err()
        .to_string();
    assert!(message.contains("digest.toml is malformed"), "{message}");
}
