//! Parameters of a model in a safetensors file, by their paths.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use burn::{
    module::Module,
    store::{ModuleSnapshot, SafetensorsStore},
};

/// A file of parameters that could not be read or written, or is of another model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("weights could not be {what}: {}: {problem}", path.display())]
pub struct ParametersError {
    /// Read or written.
    what: &'static str,
    /// The file.
    path: PathBuf,
    /// What is wrong with it.
    problem: String,
}

impl ParametersError {
    fn new(what: &'static str, path: &Path, problem: &dyn fmt::Display) -> Self {
        Self {
            what,
            path: path.to_owned(),
            problem: problem.to_string(),
        }
    }
}

/// Writes all parameters under their paths, over whatever was in the file.
///
/// # Errors
///
/// When the file cannot be written.
pub fn save_parameters<M: Module>(model: &M, path: &Path) -> Result<(), ParametersError> {
    // Without this word `transformers` and `safetensors.torch` do not read it.
    let mut store = SafetensorsStore::from_file(path)
        .overwrite(true)
        .metadata("format", "pt");
    model
        .save_into(&mut store)
        .map_err(|error| ParametersError::new("written", path, &error))
}

/// The model with the parameters of a file, which must hold exactly its own: every name, every
/// shape, and nothing else.
///
/// # Errors
///
/// When the file cannot be read, lacks a parameter, has one too many, or one of another shape.
pub fn load_parameters<M: Module>(mut model: M, path: &Path) -> Result<M, ParametersError> {
    let mut store = SafetensorsStore::from_file(path).allow_partial(false);
    let report = model
        .load_from(&mut store)
        .map_err(|error| ParametersError::new("read", path, &error))?;
    if report.unused.is_empty() {
        return Ok(model);
    }
    let unknown = report.unused.join(", ");
    let problem = format!("it holds tensors that the model has not: {unknown}");
    Err(ParametersError::new("read", path, &problem))
}
