//! The `config.json` beside the weights.

use std::{fs, path::Path};

use serde::de::DeserializeOwned;

use crate::WeightsError;

/// The file's name.
const FILE: &str = "config.json";

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
    let path = folder.join(FILE);
    let text = fs::read_to_string(&path).map_err(|source| WeightsError::Read {
        path: path.clone(),
        source,
    })?;
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
