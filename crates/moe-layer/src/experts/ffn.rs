//! One network of an expert's kind that every token passes.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use kernels::Activation as Before;
use nn::{Linear, LinearDims, Manner};

use super::{ExpertDims, ExpertInit, ExpertKind};

/// A feed-forward network: what an expert computes, for every token.
#[derive(Module, Debug)]
pub struct Ffn {
    /// Wg of a gated network.
    gate: Option<Linear>,
    /// W1, or Wu of a gated network.
    up: Linear,
    /// W2, or Wd of a gated network.
    down: Linear,
    #[module(skip)]
    kind: ExpertKind,
}

impl Ffn {
    /// The network of one expert of these sizes, started as that is.
    #[must_use]
    pub fn new(dims: &ExpertDims, device: &Device) -> Self {
        let ExpertDims {
            width,
            hidden,
            kind,
            ..
        } = *dims;
        let map = |inputs, outputs| {
            let map = LinearDims {
                inputs,
                outputs,
                bias: kind.has_bias(),
            };
            map.init_uniform(ExpertInit::PerExpert.bound(1, inputs, outputs), device)
        };
        Self {
            gate: matches!(kind, ExpertKind::Gated(_)).then(|| map(width, hidden)),
            up: map(width, hidden),
            down: map(hidden, width),
            kind,
        }
    }

    /// `act(x W1 + b1) W2 + b2` or `(act(x Wg) * (x Wu)) Wd`, with biases where the maps have them.
    ///
    /// # Panics
    ///
    /// When kind and gate do not fit together.
    #[must_use]
    pub fn from_maps(kind: ExpertKind, gate: Option<Linear>, up: Linear, down: Linear) -> Self {
        let gated = matches!(kind, ExpertKind::Gated(_));
        assert_eq!(
            gate.is_some(),
            gated,
            "a gated network has a gate, another none"
        );
        Self {
            gate,
            up,
            down,
            kind,
        }
    }

    /// What it computes.
    #[must_use]
    pub const fn kind(&self) -> ExpertKind {
        self.kind
    }

    /// W1 and b1, or Wu of a gated network.
    #[must_use]
    pub const fn up(&self) -> &Linear {
        &self.up
    }

    /// W2 and b2, or Wd of a gated network.
    #[must_use]
    pub const fn down(&self) -> &Linear {
        &self.down
    }

    /// Its maps by name, `gate` where there is one, `up` and `down`: those that read what the network
    /// reads, and the one that reads the hidden layer.
    pub fn maps_mut(&mut self) -> [Vec<(&'static str, &mut Linear)>; 2] {
        let gate = self.gate.iter_mut().map(|gate| ("gate", gate));
        let first = gate.chain([("up", &mut self.up)]).collect();
        [first, vec![("down", &mut self.down)]]
    }

    /// `x` `[.., D]` to the same shape.
    #[must_use]
    pub fn forward<const R: usize>(&self, x: Tensor<R>, manner: impl Into<Manner>) -> Tensor<R> {
        let manner = manner.into();
        let activation = self.kind.activation();
        let (h, before) = match &self.gate {
            None => activation.into_product(self.up.forward(x, manner)),
            Some(gate) => {
                let gates = activation.apply(gate.forward(x.clone(), manner));
                (gates * self.up.forward(x, manner), Before::Identity)
            }
        };
        self.down.forward_after(before, h, manner)
    }
}
