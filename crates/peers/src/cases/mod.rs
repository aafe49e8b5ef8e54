//! What is timed on our side, and what a peer needs to do the same.

mod ffn;
mod layer;
mod rows;
mod step;

use std::path::Path;

use burn::tensor::{Device, Distribution, Int, Tensor};
use kernels::Precision;
use moe_layer::MoeOutput;
use routers::Assignment;
use serde_json::Value;

pub(crate) use ffn::Ffn;
pub(crate) use layer::Layer;
pub(crate) use rows::{Packing, Rows, RowsSizes};
pub(crate) use step::Step;

use crate::{
    PeersError,
    tensors::{self, Tensors},
};

/// A case on our side, ready to be timed.
pub(crate) trait Ours {
    /// What a peer reads.
    fn handout(&self) -> Handout;

    /// What a peer must find too: outputs and gradients.
    fn expected(&mut self) -> Tensors;

    /// One sample. It need not wait for the device; what it leaves is dropped by the caller.
    fn work(&mut self) -> Box<dyn std::any::Any>;

    /// Bytes that a sample must read and write, for cases that only move.
    fn bytes_moved(&self) -> Option<u64> {
        None
    }
}

/// The files of a case.
pub(crate) struct Handout {
    /// Kind, sizes and settings.
    pub(crate) case: Value,
    /// Parameters by path.
    pub(crate) weights: Tensors,
    /// Inputs, and choices that are not a matter of rounding.
    pub(crate) inputs: Tensors,
}

/// Whom a mixture's only round chose, `[T, k]`.
pub(crate) fn chosen(output: &MoeOutput) -> Tensor<2, Int> {
    match &output.rounds[0].routing.assignment {
        Assignment::TokenChoice { experts_tk, .. } => experts_tk.clone(),
        _ => unreachable!("soft-top-k is a token's choice"),
    }
}

impl Handout {
    /// Writes the files into an existing folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), PeersError> {
        tensors::write(&folder.join("weights.safetensors"), &self.weights)?;
        tensors::write(&folder.join("inputs.safetensors"), &self.inputs)?;
        let path = folder.join("case.json");
        std::fs::write(&path, self.case.to_string())
            .map_err(|error| PeersError::file(&path, &error))
    }
}

/// Where and in what a case computes.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// The device, without autodiff.
    pub(crate) device: Device,
    /// In what products multiply here: what the device made of the wish.
    pub(crate) precision: Precision,
}

/// Seed of all weights and inputs of the benchmark.
pub(crate) const SEED: u64 = 17;

/// Standard normal rows, as a layer norm gives.
fn normal(rows: usize, width: usize, device: &Device) -> Tensor<2> {
    Tensor::random([rows, width], Distribution::Normal(0.0, 1.0), device)
}

fn host<const D: usize>(tensor: Tensor<D>) -> burn::tensor::TensorData {
    tensor.into_data().convert::<f32>()
}
