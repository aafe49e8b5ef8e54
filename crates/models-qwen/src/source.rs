//! What parameters are read from.

use burn::tensor::{Device, Tensor};
use nn::{GroupedLinear, Linear, RmsNorm};
use weights::{Checked, Kept, WeightsError};

use crate::Qwen2MoeConfig;

/// The tensors of a folder, for parameters on a device and of a type.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) tensors: &'a Checked,
    pub(crate) kept: Kept,
    pub(crate) device: &'a Device,
}

impl Source<'_> {
    /// A matrix as it is stored.
    pub(crate) fn table(self, name: &str) -> Result<Tensor<2>, WeightsError> {
        self.tensors.tensor(name, self.kept, self.device)
    }

    /// The map `<name>.weight`, `<name>.bias`.
    pub(crate) fn linear(self, name: &str) -> Result<Linear, WeightsError> {
        self.tensors.linear(name, self.kept, self.device)
    }

    /// The same in f32.
    pub(crate) fn exact(self, name: &str) -> Result<Linear, WeightsError> {
        self.tensors.linear(name, Kept::F32, self.device)
    }

    /// The maps of experts.
    pub(crate) fn stack(self, names: &[String]) -> Result<GroupedLinear, WeightsError> {
        let weight = self.tensors.stack(names, self.kept, self.device)?;
        Ok(GroupedLinear::from_tensors(weight, None))
    }

    /// The norm `<name>.weight`.
    pub(crate) fn norm(self, name: &str, config: &Qwen2MoeConfig) -> Result<RmsNorm, WeightsError> {
        self.tensors
            .rms_norm(name, config.rms_norm_eps, self.device)
    }
}
