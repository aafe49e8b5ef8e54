//! What files of PEFT have no place for, in files of its own: settings in JSON, numbers in safetensors.

use std::{collections::BTreeMap, fs, path::Path};

use burn::{
    module::{Module, ModuleVisitor, Param},
    store::{ModuleSnapshot, SafetensorsStore},
    tensor::Tensor,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::LoraError;

/// Writes settings and the parameters of a module by their paths, over whatever was there.
pub(crate) fn write<M: Module>(
    module: &M,
    settings: &impl Serialize,
    folder: &Path,
    [settings_name, tensors_name]: [&str; 2],
) -> Result<(), LoraError> {
    let unwritten = |path: &Path, problem: String| LoraError::Write {
        path: path.to_owned(),
        problem,
    };
    fs::create_dir_all(folder).map_err(|error| unwritten(folder, error.to_string()))?;
    let path = folder.join(tensors_name);
    // Without this word `transformers` and `safetensors.torch` do not read it.
    let mut store = SafetensorsStore::from_file(&path)
        .overwrite(true)
        .metadata("format", "pt");
    module
        .save_into(&mut store)
        .map_err(|error| unwritten(&path, error.to_string()))?;
    let path = folder.join(settings_name);
    let text = serde_json::to_string_pretty(settings).expect("plain data");
    fs::write(&path, text + "\n").map_err(|error| unwritten(&path, error.to_string()))
}

/// The settings of a file.
pub(crate) fn read_settings<S: DeserializeOwned>(path: &Path) -> Result<S, LoraError> {
    let text = fs::read_to_string(path).map_err(|source| LoraError::Read {
        path: path.to_owned(),
        source,
        hint: "",
    })?;
    serde_json::from_str(&text).map_err(|error| refused(path, error.to_string()))
}

/// The module with the numbers of a file, which must hold exactly its parameters, of their sizes and finite.
pub(crate) fn read<M: Module>(mut module: M, path: &Path) -> Result<M, LoraError> {
    let mut store = SafetensorsStore::from_file(path).allow_partial(false);
    let report = module.load_from(&mut store).map_err(|error| {
        refused(
            path,
            format!("{error}; make sure that it is of these settings"),
        )
    })?;
    if let Some(name) = report.unused.first() {
        let problem = format!("`{name}` has no place by these settings");
        return Err(refused(path, problem));
    }
    match not_finite(&module) {
        Some(name) => Err(refused(
            path,
            format!("`{name}` has numbers that are not finite"),
        )),
        None => Ok(module),
    }
}

fn refused(path: &Path, problem: String) -> LoraError {
    LoraError::Settings {
        path: path.to_owned(),
        problem,
    }
}

/// The first parameter with a number that is not finite.
fn not_finite<M: Module>(module: &M) -> Option<String> {
    #[derive(Default)]
    struct Look {
        path: Vec<String>,
        found: BTreeMap<String, bool>,
    }

    impl ModuleVisitor for Look {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_owned());
        }

        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let finite = param.val().is_finite().all().into_scalar::<bool>();
            self.found.insert(self.path.join("."), finite);
        }
    }

    let mut look = Look::default();
    module.visit(&mut look);
    look.found
        .into_iter()
        .find(|(_, finite)| !finite)
        .map(|(name, _)| name)
}
