//! A shared expert: one that takes every token.

use std::num::NonZeroUsize;

use burn::{
    module::Module,
    tensor::{Device, Tensor, activation::sigmoid},
};
use nn::{Linear, LinearDims, Manner};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ExpertDims, ExpertKind, Ffn};

/// The `[moe.shared]` table: an expert beside the others that takes every token.
///
/// # Equation
///
/// `y += sigmoid(x w) * shared(x)`, or without its gate `y += shared(x)`; `shared` computes what the
/// other experts do, at a width of its own.
///
/// # Reference
///
/// Dai et al. 2024 (DeepSeekMoE) without the gate; Qwen1.5-MoE with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SharedConfig {
    /// Its hidden width.
    pub hidden: NonZeroUsize,
    /// Whether a sigmoid of the token weights it.
    #[serde(default = "yes")]
    pub gate: bool,
}

const fn yes() -> bool {
    true
}

impl SharedConfig {
    /// Its sizes in a model of this width: those of a bank of one.
    #[must_use]
    pub const fn dims(&self, width: usize, kind: ExpertKind) -> ExpertDims {
        ExpertDims {
            experts: 1,
            width,
            hidden: self.hidden.get(),
            kind,
        }
    }

    const fn gate_dims(width: usize) -> LinearDims {
        LinearDims::without_bias(width, 1)
    }

    /// Parameters in a model of this width.
    #[must_use]
    pub const fn num_params(&self, width: usize, kind: ExpertKind) -> usize {
        let gate = if self.gate {
            Self::gate_dims(width).num_params()
        } else {
            0
        };
        self.dims(width, kind).params_per_expert() + gate
    }

    /// Multiplications and additions for a token, in products alone.
    #[must_use]
    pub const fn flops(&self, width: usize, kind: ExpertKind) -> usize {
        let gate = if self.gate {
            Self::gate_dims(width).flops()
        } else {
            0
        };
        self.dims(width, kind).flops_per_row() + gate
    }

    pub(crate) fn init(&self, width: usize, kind: ExpertKind, device: &Device) -> SharedExpert {
        SharedExpert {
            ffn: Ffn::new(&self.dims(width, kind), device),
            gate: self.gate.then(|| Self::gate_dims(width).init(device)),
        }
    }
}

/// The expert of [`SharedConfig`].
#[derive(Module, Debug)]
pub struct SharedExpert {
    ffn: Ffn,
    gate: Option<Linear>,
}

impl SharedExpert {
    /// The expert of given networks; `gate` is a map of D values to one.
    #[must_use]
    pub const fn from_maps(ffn: Ffn, gate: Option<Linear>) -> Self {
        Self { ffn, gate }
    }

    /// Its gate, where it has one.
    #[must_use]
    pub const fn gate(&self) -> Option<&Linear> {
        self.gate.as_ref()
    }

    /// What it computes, before its gate, and that where it has one.
    #[must_use]
    pub const fn parts_mut(&mut self) -> (&mut Ffn, Option<&mut Linear>) {
        (&mut self.ffn, self.gate.as_mut())
    }

    /// The same expert weighted by another gate.
    #[must_use]
    pub fn with_gate(self, gate: Linear) -> Self {
        Self {
            gate: Some(gate),
            ..self
        }
    }

    /// A gate of the same size as its own, drawn from the device's generator.
    pub(crate) fn fresh_gate(&self) -> Option<Linear> {
        let gate = self.gate.as_ref()?;
        let device = gate.devices().swap_remove(0);
        Some(SharedConfig::gate_dims(gate.dims().inputs).init(&device))
    }

    /// `x_td` `[T, D]` to the same shape.
    #[must_use]
    pub fn forward(&self, x_td: Tensor<2>, manner: impl Into<Manner>) -> Tensor<2> {
        let manner = manner.into();
        match &self.gate {
            None => self.ffn.forward(x_td, manner),
            Some(gate) => {
                let gate_t1 = sigmoid(gate.forward(x_td.clone(), manner));
                self.ffn.forward(x_td, manner) * gate_t1
            }
        }
    }
}
