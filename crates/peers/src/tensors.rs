//! Tensors by name, in files and out of modules.

use std::{collections::BTreeMap, path::Path};

use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::{DType, Tensor, TensorData},
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::PeersError;

/// Tensors on the host, by name.
pub(crate) type Tensors = BTreeMap<String, TensorData>;

/// Writes a safetensors file of f32 and integer tensors.
pub(crate) fn write(path: &Path, tensors: &Tensors) -> Result<(), PeersError> {
    let mut views = Vec::with_capacity(tensors.len());
    for (name, data) in tensors {
        let dtype = match data.dtype() {
            DType::F32 => Dtype::F32,
            DType::I32 => Dtype::I32,
            DType::I64 => Dtype::I64,
            other => return Err(PeersError::file(path, &format!("{name} is {other:?}"))),
        };
        let view = TensorView::new(dtype, data.shape().to_vec(), data.as_bytes())
            .map_err(|error| PeersError::file(path, &error))?;
        views.push((name, view));
    }
    safetensors::serialize_to_file(views, None, path)
        .map_err(|error| PeersError::file(path, &error))
}

/// Reads a safetensors file of f32 tensors.
pub(crate) fn read(path: &Path) -> Result<Tensors, PeersError> {
    let bytes = std::fs::read(path).map_err(|error| PeersError::file(path, &error))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| PeersError::file(path, &error))?;
    file.iter()
        .map(|(name, view)| {
            if view.dtype() != Dtype::F32 {
                let problem = format!("{name} is {:?} and not f32", view.dtype());
                return Err(PeersError::file(path, &problem));
            }
            let shape = view.shape().to_vec();
            let data = TensorData::from_bytes_vec(view.data().to_vec(), shape, DType::F32);
            Ok((name.to_owned(), data))
        })
        .collect()
}

/// The parameters of a module by path.
pub(crate) fn weights<M: Module>(module: &M) -> Tensors {
    let mut visitor = Collect::new(None);
    module.visit(&mut visitor);
    visitor.finish("")
}

/// The gradients of a module's parameters, as `gradient/<path>`.
pub(crate) fn gradients<M: Module>(module: &M, gradients: &GradientsParams) -> Tensors {
    let mut visitor = Collect::new(Some(gradients));
    module.visit(&mut visitor);
    visitor.finish("gradient/")
}

struct Collect<'a> {
    gradients: Option<&'a GradientsParams>,
    path: Vec<String>,
    found: Vec<(String, TensorData)>,
}

impl<'a> Collect<'a> {
    fn new(gradients: Option<&'a GradientsParams>) -> Self {
        Self {
            gradients,
            path: Vec::new(),
            found: Vec::new(),
        }
    }

    /// What was found, under the names that peers know. A learner wraps the model in a field of its
    /// own, which all paths share and none keeps.
    fn finish(self, prefix: &str) -> Tensors {
        let first = self.found.first().map_or("", |(path, _)| path.as_str());
        let field = first.split_inclusive('.').next().unwrap_or("");
        let all = self.found.iter().all(|(path, _)| path.starts_with(field));
        let shared = if all { field.len() } else { 0 };
        let named = |(path, data): (String, TensorData)| {
            (format!("{prefix}{}", public(&path[shared..])), data)
        };
        self.found.into_iter().map(named).collect()
    }
}

/// A linear scorer's matrix is the router's only tensor: how the router is built inside is nobody's
/// concern outside.
fn public(path: &str) -> String {
    match path.find("router.") {
        Some(at) => format!("{}router.weight", &path[..at]),
        None => path.to_owned(),
    }
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = match self.gradients {
            None => Some(param.val()),
            Some(gradients) => gradients.get::<D>(param.id),
        };
        if let Some(tensor) = tensor {
            self.found
                .push((self.path.join("."), tensor.into_data().convert::<f32>()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_back_what_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.safetensors");
        let data = TensorData::new(vec![1.5f32, -2.0, 0.0, 8.0, 3.0, 4.0], [2, 3]);
        let tensors = Tensors::from([("x".to_owned(), data)]);
        write(&path, &tensors).expect("writes");
        assert_eq!(read(&path).expect("reads"), tensors);
        let error = read(&folder.path().join("b")).expect_err("it is not there");
        assert!(error.to_string().contains('b'), "{error}");
    }

    #[test]
    fn a_router_has_one_public_name() {
        assert_eq!(
            public("blocks.0.moe.router.scorer.Linear.map.weight"),
            "blocks.0.moe.router.weight"
        );
        assert_eq!(public("blocks.0.norm.gamma"), "blocks.0.norm.gamma");
    }
}
