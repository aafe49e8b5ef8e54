//! Weights in a safetensors file.

use std::path::Path;

use burn::store::{ModuleSnapshot, SafetensorsStore};

use crate::{ModelError, TinyMoe};

impl TinyMoe {
    /// Writes all parameters under their paths, over whatever was in the file.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn save_weights(&self, path: &Path) -> Result<(), ModelError> {
        let mut store = SafetensorsStore::from_file(path).overwrite(true);
        self.save_into(&mut store)
            .map_err(|error| ModelError::weights("written", path, &error))
    }

    /// The model with the parameters of a file, which must hold exactly its own: every name, every
    /// shape, and nothing else.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, lacks a parameter, has one too many, or one of another shape.
    pub fn load_weights(mut self, path: &Path) -> Result<Self, ModelError> {
        let mut store = SafetensorsStore::from_file(path).allow_partial(false);
        let report = self
            .load_from(&mut store)
            .map_err(|error| ModelError::weights("read", path, &error))?;
        if report.unused.is_empty() {
            return Ok(self);
        }
        let unknown = report.unused.join(", ");
        let problem = format!("it holds tensors that the model has not: {unknown}");
        Err(ModelError::weights("read", path, &problem))
    }
}
