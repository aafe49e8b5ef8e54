//! What files of PEFT have no place for, in files of its own: settings in JSON, numbers in safetensors.

use std::{fs, path::Path};

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::Tensor,
};
use serde::{Serialize, de::DeserializeOwned};
use weights::{Checked, Checkpoint, Kept, Layout, WeightsError, Writer};

use crate::{LoraError, files::in_words};

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
    let parameters = Parameters::of(module);
    parameters.writer.write(&folder.join(tensors_name))?;
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
pub(crate) fn read<M: Module>(module: M, path: &Path) -> Result<M, LoraError> {
    let told = |error: WeightsError| match error {
        WeightsError::Tensors { problems, .. } => LoraError::Tensors {
            path: path.to_owned(),
            base: None,
            problems: in_words(&problems),
        },
        other => other.into(),
    };
    let file = Checkpoint::open_file(path, |name| Some(name.to_owned())).map_err(told)?;
    let layout = Parameters::of(&module).layout;
    let tensors = file.check(&layout, "").map_err(told)?;
    tensors.finite().map_err(told)?;
    let mut fill = Fill {
        path: Vec::new(),
        tensors: &tensors,
        problem: None,
    };
    let module = module.map(&mut fill);
    match fill.problem {
        Some(error) => Err(told(error)),
        None => Ok(module),
    }
}

fn refused(path: &Path, problem: String) -> LoraError {
    LoraError::Settings {
        path: path.to_owned(),
        problem,
    }
}

/// The parameters of a module by their paths, such as `routers.0.scorer.map.weight`.
#[derive(Default)]
struct Parameters {
    path: Vec<String>,
    layout: Layout,
    writer: Writer,
}

impl Parameters {
    fn of<M: Module>(module: &M) -> Self {
        let mut all = Self::default();
        module.visit(&mut all);
        all
    }
}

impl ModuleVisitor for Parameters {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (name, tensor) = (self.path.join("."), param.val());
        self.layout.add(name.as_str(), &tensor.dims());
        self.writer.tensor(name, tensor.without_autodiff());
    }
}

/// Puts the numbers of a file in the place of a module's own.
struct Fill<'a> {
    path: Vec<String>,
    tensors: &'a Checked,
    problem: Option<WeightsError>,
}

impl ModuleMapper for Fill<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.join(".");
        let learned = param.is_require_grad();
        let (id, value, mapper) = param.consume();
        let read = self.tensors.tensor(&name, Kept::F32, &value.device());
        let value = match read {
            Ok(read) => read.set_require_grad(learned),
            Err(error) => {
                self.problem.get_or_insert(error);
                value
            }
        };
        Param::from_mapped_value(id, value, mapper)
    }
}
