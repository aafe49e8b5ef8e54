//! The expert bank: E networks in stacked matrices.

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor},
};
use kernels::{Activation as Before, Precision};
use nn::{GroupedLinear, Manner};

use super::{ExpertDims, ExpertInit, ExpertKind};
use crate::{AdapterBank, Networks};

/// E experts, stacked so that one product serves all; what each computes, [`ExpertKind`] says.
///
/// Every expert's matrix is initialised on its own, where not asked otherwise: see [`ExpertInit`].
///
/// With [adapters](Self::with_adapters) each expert adds what its own gives: `E_e(x) + Delta_e(x)`, weighted by one
/// gate (PERFT-E of Liu et al. 2024).
#[derive(Module, Debug)]
pub struct ExpertBank {
    /// Wg of gated experts.
    gate: Option<GroupedLinear>,
    /// W1, or Wu of gated experts.
    up: GroupedLinear,
    /// W2, or Wd of gated experts.
    down: GroupedLinear,
    /// One beside each expert, if any.
    adapters: Option<AdapterBank>,
    #[module(skip)]
    kind: ExpertKind,
}

impl ExpertBank {
    /// Builds the bank.
    #[must_use]
    pub fn new(dims: &ExpertDims, device: &Device) -> Self {
        Self::started(dims, ExpertInit::default(), device)
    }

    /// Builds the bank with another initialisation.
    #[must_use]
    pub fn started(dims: &ExpertDims, init: ExpertInit, device: &Device) -> Self {
        let ExpertDims {
            experts,
            width,
            hidden,
            kind,
        } = *dims;
        let map = |rows, columns| {
            let bound = init.bound(experts, rows, columns);
            GroupedLinear::uniform([experts, rows, columns], kind.has_bias(), bound, device)
        };
        Self {
            gate: matches!(kind, ExpertKind::Gated(_)).then(|| map(width, hidden)),
            up: map(width, hidden),
            down: map(hidden, width),
            adapters: None,
            kind,
        }
    }

    /// The bank of given maps of experts with one hidden layer and GELU: `up` is `[E, D, F]`, `down`
    /// `[E, F, D]`.
    ///
    /// # Panics
    ///
    /// When the maps' sizes do not fit together.
    #[must_use]
    pub fn mlp(up: GroupedLinear, down: GroupedLinear) -> Self {
        Self::from_maps(ExpertKind::default(), None, up, down)
    }

    /// The bank of given maps: of gated experts with the `gate`, `[E, D, F]`; `up` is `[E, D, F]`,
    /// `down` `[E, F, D]`.
    ///
    /// # Panics
    ///
    /// When kind and gate do not fit together, or the maps' sizes.
    #[must_use]
    pub fn from_maps(
        kind: ExpertKind,
        gate: Option<GroupedLinear>,
        up: GroupedLinear,
        down: GroupedLinear,
    ) -> Self {
        let gated = matches!(kind, ExpertKind::Gated(_));
        assert_eq!(
            gate.is_some(),
            gated,
            "gated experts have a gate, others none"
        );
        let [experts, width, hidden] = up.dims();
        assert_eq!(
            down.dims(),
            [experts, hidden, width],
            "down takes back what up gives"
        );
        if let Some(gate) = &gate {
            assert_eq!(gate.dims(), up.dims(), "gate and up are alike");
        }
        Self {
            gate,
            up,
            down,
            adapters: None,
            kind,
        }
    }

    /// The same bank with adapters beside its experts, one each, or none.
    ///
    /// # Panics
    ///
    /// When there are not as many, or they are of another width.
    #[must_use]
    pub fn with_adapters(self, adapters: Option<AdapterBank>) -> Self {
        if let Some(adapters) = &adapters {
            let [experts, width, _] = self.up.dims();
            let own = adapters.config();
            assert_eq!(
                (own.adapters, own.width),
                (experts, width),
                "an adapter for every expert"
            );
        }
        Self { adapters, ..self }
    }

    /// The adapters beside its experts, where there are some.
    #[must_use]
    pub const fn adapters(&self) -> Option<&AdapterBank> {
        self.adapters.as_ref()
    }

    /// Wg of gated experts.
    #[must_use]
    pub const fn gate(&self) -> Option<&GroupedLinear> {
        self.gate.as_ref()
    }

    /// W1 and b1, or Wu of gated experts.
    #[must_use]
    pub const fn up(&self) -> &GroupedLinear {
        &self.up
    }

    /// W2 and b2, or Wd of gated experts.
    #[must_use]
    pub const fn down(&self) -> &GroupedLinear {
        &self.down
    }

    /// Its maps by name, `gate` where there is one, `up` and `down`: those that read what the experts
    /// read, and the one that reads the hidden layer.
    pub fn maps_mut(&mut self) -> [Vec<(&'static str, &mut GroupedLinear)>; 2] {
        let gate = self.gate.iter_mut().map(|gate| ("gate", gate));
        let first = gate.chain([("up", &mut self.up)]).collect();
        [first, vec![("down", &mut self.down)]]
    }

    /// The same bank off the graph.
    pub(crate) fn frozen(&self) -> Self {
        Self {
            gate: self.gate.as_ref().map(GroupedLinear::frozen),
            up: self.up.frozen(),
            down: self.down.frozen(),
            adapters: self.adapters.as_ref().map(AdapterBank::frozen),
            kind: self.kind,
        }
    }

    /// The sizes.
    #[must_use]
    pub fn dims(&self) -> ExpertDims {
        let [experts, width, hidden] = self.up.dims();
        ExpertDims {
            experts,
            width,
            hidden,
            kind: self.kind,
        }
    }

    /// Runs every expert on its own batch of rows: `x_ecd` `[E, C, D]` to `[E, C, D]`; with
    /// `[1, T, D]` every expert gets the same rows.
    #[must_use]
    pub fn forward_batched(&self, x_ecd: Tensor<3>, manner: impl Into<Manner>) -> Tensor<3> {
        let manner = manner.into();
        let adapters = self.adapters.as_ref();
        let added = adapters.map(|adapters| adapters.forward_batched(x_ecd.clone(), manner));
        let y_ecd = self.forward(x_ecd, |map, x, before| {
            map.forward_batched(x, before, manner)
        });
        match added {
            Some(added) => y_ecd + added,
            None => y_ecd,
        }
    }

    /// Runs the experts on rows sorted by expert.
    ///
    /// # Shapes
    ///
    /// `x_md` `[M, D]`, `offsets` `[E + 1]`: expert e has the rows from `offsets[e]` to
    /// `offsets[e + 1]`; to `[M, D]`. Rows of no expert give zero.
    #[must_use]
    pub fn forward_sorted(
        &self,
        x_md: Tensor<2>,
        offsets: Tensor<1, Int>,
        manner: impl Into<Manner>,
    ) -> Tensor<2> {
        let manner = manner.into();
        let adapters = self.adapters.as_ref();
        let added =
            adapters.map(|adapters| adapters.forward_sorted(x_md.clone(), offsets.clone(), manner));
        let y_md = self.forward(x_md, |map, x, before| {
            map.forward_sorted(x, offsets.clone(), before, manner)
        });
        match added {
            Some(added) => y_md + added,
            None => y_md,
        }
    }

    /// The networks, with their maps applied in one way or another.
    fn forward<const R: usize>(
        &self,
        x: Tensor<R>,
        apply: impl Fn(&GroupedLinear, Tensor<R>, Before) -> Tensor<R>,
    ) -> Tensor<R> {
        let activation = self.kind.activation();
        let (h, before) = match &self.gate {
            None => activation.into_product(apply(&self.up, x, Before::Identity)),
            Some(gate) => {
                let gates = activation.apply(apply(gate, x.clone(), Before::Identity));
                (
                    gates * apply(&self.up, x, Before::Identity),
                    Before::Identity,
                )
            }
        };
        apply(&self.down, h, before)
    }
}

impl Networks for ExpertBank {
    fn forward_batched(&self, x_ecd: Tensor<3>, manner: Manner) -> Tensor<3> {
        Self::forward_batched(self, x_ecd, manner)
    }

    fn forward_sorted(
        &self,
        x_md: Tensor<2>,
        offsets: Tensor<1, Int>,
        manner: Manner,
    ) -> Tensor<2> {
        Self::forward_sorted(self, x_md, offsets, manner)
    }

    fn forward_frozen(&self, x_ecd: Tensor<3>, precision: Precision) -> Tensor<3> {
        self.frozen().forward_batched(x_ecd, precision)
    }
}
