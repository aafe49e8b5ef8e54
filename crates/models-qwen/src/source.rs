//! What parameters are read from.

use burn::tensor::{Device, Tensor};
use nn::{GroupedLinear, Linear, RmsNorm};
use quant_gptq::PackedSettings;
use weights::{Checked, Kept, WeightsError};

use crate::Qwen2MoeConfig;

/// The tensors of a folder, for parameters on a device and of a type.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) tensors: &'a Checked,
    pub(crate) kept: Kept,
    /// How packed maps are read, where there are any.
    pub(crate) packed: Option<PackedSettings>,
    pub(crate) device: &'a Device,
}

impl Source<'_> {
    /// A matrix as it is stored.
    pub(crate) fn table(self, name: &str) -> Result<Tensor<2>, WeightsError> {
        self.tensors.tensor(name, self.kept, self.device)
    }

    /// The map `<name>.weight`, `<name>.bias`.
    pub(crate) fn linear(self, name: &str) -> Result<Linear, WeightsError> {
        match self.packed(name) {
            Some(settings) => settings.linear(self.tensors, name, self.device),
            None => self.tensors.linear(name, self.kept, self.device),
        }
    }

    /// The same in f32.
    pub(crate) fn exact(self, name: &str) -> Result<Linear, WeightsError> {
        self.tensors.linear(name, Kept::F32, self.device)
    }

    /// The maps `<name>.weight` of experts.
    pub(crate) fn stack(self, names: &[String]) -> Result<GroupedLinear, WeightsError> {
        if let Some(settings) = names.iter().find_map(|name| self.packed(name)) {
            return settings.grouped(self.tensors, names, self.device);
        }
        let names: Vec<String> = names.iter().map(|name| format!("{name}.weight")).collect();
        let weight = self.tensors.stack(&names, self.kept, self.device)?;
        Ok(GroupedLinear::from_tensors(weight, None))
    }

    /// How a map is packed, if it is.
    fn packed(self, name: &str) -> Option<PackedSettings> {
        self.packed
            .filter(|_| PackedSettings::packs(self.tensors, name))
    }

    /// The norm `<name>.weight`.
    pub(crate) fn norm(self, name: &str, config: &Qwen2MoeConfig) -> Result<RmsNorm, WeightsError> {
        self.tensors
            .rms_norm(name, config.rms_norm_eps, self.device)
    }
}
