//! What stands in JSON beside the weights.

use std::{fs, path::Path};

use serde::{Deserialize, de::DeserializeOwned};

use crate::WeightsError;

/// The sizes of a model.
const CONFIG: &str = "config.json";

/// How its texts are continued, if somebody said so.
const GENERATION: &str = "generation_config.json";

/// Reads the `config.json` of a folder. `expected` says whose it must be, and `problem` what keeps what was
/// read from being one, if anything.
///
/// # Errors
///
/// When the file cannot be read, is not JSON of this shape, or has a problem.
pub fn read_config<C: DeserializeOwned>(
    folder: &Path,
    expected: &'static str,
    problem: impl FnOnce(&C) -> Option<String>,
) -> Result<C, WeightsError> {
    let path = folder.join(CONFIG);
    let text = read(&path)?;
    let refused = |problem| WeightsError::Config {
        path,
        problem,
        expected,
    };
    let config: C = match serde_json::from_str(&text) {
        Ok(config) => config,
        Err(error) => return Err(refused(error.to_string())),
    };
    match problem(&config) {
        Some(problem) => Err(refused(problem)),
        None => Ok(config),
    }
}

fn read(path: &Path) -> Result<String, WeightsError> {
    fs::read_to_string(path).map_err(|source| WeightsError::Read {
        path: path.to_owned(),
        source,
    })
}

/// The token ids that end a text: those of `generation_config.json`, or where that file is not there or
/// does not say, of `config.json`; none where neither does.
///
/// # Errors
///
/// When a file cannot be read, or has something else in their place.
pub fn read_stop_ids(folder: &Path) -> Result<Vec<u32>, WeightsError> {
    for file in [GENERATION, CONFIG] {
        let path = folder.join(file);
        if file == GENERATION && !path.exists() {
            continue;
        }
        match serde_json::from_str::<Stops>(&read(&path)?) {
            Ok(Stops { eos_token_id: None }) => {}
            Ok(Stops {
                eos_token_id: Some(ids),
            }) => return Ok(ids.into()),
            Err(error) => {
                return Err(WeightsError::Config {
                    path,
                    problem: format!("`eos_token_id`: {error}"),
                    expected: "a language model, with one token id there or several",
                });
            }
        }
    }
    Ok(Vec::new())
}

#[derive(Deserialize)]
struct Stops {
    #[serde(default)]
    eos_token_id: Option<Ids>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Ids {
    One(u32),
    Several(Vec<u32>),
}

impl From<Ids> for Vec<u32> {
    fn from(ids: Ids) -> Self {
        match ids {
            Ids::One(id) => vec![id],
            Ids::Several(ids) => ids,
        }
    }
}

/// Checks that a model of so many `rows` has one for each of `tokens` token ids, those of the tokenizer in
/// `folder`. It may have more.
///
/// # Errors
///
/// When it has fewer.
pub fn check_vocabulary(folder: &Path, tokens: usize, rows: usize) -> Result<(), WeightsError> {
    if tokens <= rows {
        return Ok(());
    }
    Err(WeightsError::Vocabulary {
        folder: folder.to_owned(),
        tokens,
        rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stops(files: &[(&str, &str)]) -> Result<Vec<u32>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("written");
        }
        read_stop_ids(folder.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn stop_ids_are_one_or_several_or_none() {
        let config = (CONFIG, r#"{"eos_token_id": 5, "vocab_size": 9}"#);
        assert_eq!(stops(&[config]), Ok(vec![5]));
        // What is said of generation wins, where something is.
        let several = (GENERATION, r#"{"eos_token_id": [7, 8]}"#);
        assert_eq!(stops(&[config, several]), Ok(vec![7, 8]));
        assert_eq!(stops(&[config, (GENERATION, "{}")]), Ok(vec![5]));
        let none = (GENERATION, r#"{"eos_token_id": null}"#);
        assert_eq!(stops(&[(CONFIG, "{}"), none]), Ok(vec![]));
    }

    #[test]
    fn what_are_no_ids_is_refused_with_the_file() {
        let config = (CONFIG, r#"{"eos_token_id": 5}"#);
        for text in [
            r#"{"eos_token_id": "</s>"}"#,
            r#"{"eos_token_id": [-1]}"#,
            "{",
        ] {
            let refused = stops(&[config, (GENERATION, text)]).expect_err("refused");
            for word in [GENERATION, "eos_token_id"] {
                assert!(refused.contains(word), "no {word} in: {refused}");
            }
        }
        let missing = stops(&[]).expect_err("no file");
        assert!(missing.contains(CONFIG), "{missing}");
    }
}
