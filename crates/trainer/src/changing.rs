//! What of a model a run can change, which is what its checkpoints must hold.

use std::path::Path;

use burn::module::{ModuleVisitor, Param, ParamGroup};
use burn::prelude::*;
use burn::store::{ModuleRecord, RecordError};
use burn::tensor::Bool;

use crate::{Learner, TrainError};

/// The parameters that checkpoints hold: all of them, or, on a base that can be read again, those
/// that are not frozen.
///
/// Frozen is a parameter that requires no gradient and is no router's: what a router keeps beside its
/// gradients, such as a bias that follows the load, changes in [`Learner::adapt`].
pub(crate) enum Changing {
    All,
    /// Their paths, and no ids, which change when a checkpoint is read.
    Some(Vec<String>),
}

impl Changing {
    pub(crate) fn of<L: Learner>(model: &L, on_base: bool) -> Self {
        if !on_base {
            return Self::All;
        }
        let mut found = Unfrozen {
            path: Vec::new(),
            is_router: L::is_router,
            paths: Vec::new(),
        };
        model.visit(&mut found);
        Self::Some(found.paths)
    }

    /// Writes these parameters of a module.
    pub(crate) fn save<M: Module>(&self, module: M, path: &Path) -> Result<(), TrainError> {
        let record = match self {
            Self::All => module.into_record(),
            Self::Some(paths) => module.into_record_group(ParamGroup::from_paths(paths.clone())),
        };
        record.save(path).map_err(TrainError::record("write", path))
    }

    /// The module with these parameters as a file has them, which must hold exactly them.
    pub(crate) fn load<M: Module>(&self, module: M, path: &Path) -> Result<M, TrainError> {
        let record = ModuleRecord::load(path).map_err(TrainError::record("read", path))?;
        let record = match self {
            Self::All => record,
            // A tensor of another name is refused, so the same number means the same names.
            Self::Some(paths) if record.len() == paths.len() => record.allow_partial(true),
            Self::Some(paths) => {
                let (found, expected) = (record.len(), paths.len());
                let message = format!("it holds {found} tensors, and {expected} can change");
                return Err(TrainError::record("use", path)(RecordError::Validation(
                    message,
                )));
            }
        };
        module
            .try_load_record(record)
            .map_err(TrainError::record("use", path))
    }
}

struct Unfrozen {
    path: Vec<String>,
    is_router: fn(&str) -> bool,
    paths: Vec<String>,
}

impl Unfrozen {
    fn meet(&mut self, is_learned: bool) {
        let path = self.path.join(".");
        if is_learned || (self.is_router)(&path) {
            self.paths.push(path);
        }
    }
}

impl ModuleVisitor for Unfrozen {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.meet(param.is_require_grad());
    }

    fn visit_int<const D: usize>(&mut self, _: &Param<Tensor<D, Int>>) {
        self.meet(false);
    }

    fn visit_bool<const D: usize>(&mut self, _: &Param<Tensor<D, Bool>>) {
        self.meet(false);
    }
}
