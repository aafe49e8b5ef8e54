//! The expert bank: E two-layer GELU networks in stacked matrices.

use burn::{
    module::{Initializer, Module, Param},
    tensor::{Device, Int, Tensor},
};
use kernels::{Activation, Precision, batched_linear, grouped_linear};

use crate::ExpertInit;

/// The sizes of an expert bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpertDims {
    /// E.
    pub experts: usize,
    /// D.
    pub width: usize,
    /// F.
    pub hidden: usize,
}

impl ExpertDims {
    /// Parameters of one expert.
    #[must_use]
    pub fn params_per_expert(&self) -> usize {
        2 * self.width * self.hidden + self.hidden + self.width
    }
}

/// E experts `y = gelu(x W1 + b1) W2 + b2`, stacked so that one product serves all.
///
/// Every expert's matrix is initialised on its own, where not asked otherwise: see [`ExpertInit`].
#[derive(Module, Debug)]
pub struct ExpertBank {
    w1_edf: Param<Tensor<3>>,
    b1_ef: Param<Tensor<2>>,
    w2_efd: Param<Tensor<3>>,
    b2_ed: Param<Tensor<2>>,
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
        } = *dims;
        let uniform = |rows, columns| {
            let bound = init.bound(experts, rows, columns);
            Initializer::Uniform {
                min: -bound,
                max: bound,
            }
        };
        Self {
            w1_edf: uniform(width, hidden).init([experts, width, hidden], device),
            b1_ef: Initializer::Zeros.init([experts, hidden], device),
            w2_efd: uniform(hidden, width).init([experts, hidden, width], device),
            b2_ed: Initializer::Zeros.init([experts, width], device),
        }
    }

    /// A bank of given matrices: `[E, D, F]`, `[E, F]`, `[E, F, D]`, `[E, D]`.
    #[must_use]
    pub fn from_tensors(w1: Tensor<3>, b1: Tensor<2>, w2: Tensor<3>, b2: Tensor<2>) -> Self {
        Self {
            w1_edf: Param::from_tensor(w1),
            b1_ef: Param::from_tensor(b1),
            w2_efd: Param::from_tensor(w2),
            b2_ed: Param::from_tensor(b2),
        }
    }

    /// The same bank off the graph.
    pub(crate) fn frozen(&self) -> Self {
        let (w1, b1, w2, b2) = self.tensors();
        Self::from_tensors(w1.detach(), b1.detach(), w2.detach(), b2.detach()).no_grad()
    }

    /// The matrices of [`from_tensors`](Self::from_tensors).
    #[must_use]
    pub fn tensors(&self) -> (Tensor<3>, Tensor<2>, Tensor<3>, Tensor<2>) {
        (
            self.w1_edf.val(),
            self.b1_ef.val(),
            self.w2_efd.val(),
            self.b2_ed.val(),
        )
    }

    /// The sizes.
    #[must_use]
    pub fn dims(&self) -> ExpertDims {
        let [experts, width, hidden] = self.w1_edf.dims();
        ExpertDims {
            experts,
            width,
            hidden,
        }
    }

    /// Runs every expert on its own batch of rows: `x_ecd` `[E, C, D]` to `[E, C, D]`; with
    /// `[1, T, D]` every expert gets the same rows.
    #[must_use]
    pub fn forward_batched(&self, x_ecd: Tensor<3>, precision: Precision) -> Tensor<3> {
        let layer = |x, w: &Param<Tensor<3>>, b: &Param<Tensor<2>>, activation| {
            batched_linear(x, w.val(), b.val(), activation, precision)
        };
        let h = layer(x_ecd, &self.w1_edf, &self.b1_ef, Activation::Identity);
        layer(h, &self.w2_efd, &self.b2_ed, Activation::Gelu)
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
        precision: Precision,
    ) -> Tensor<2> {
        let layer = |x, w: &Param<Tensor<3>>, b: &Param<Tensor<2>>, activation| {
            let offsets = offsets.clone();
            grouped_linear(x, w.val(), b.val(), offsets, activation, precision)
        };
        let h = layer(x_md, &self.w1_edf, &self.b1_ef, Activation::Identity);
        layer(h, &self.w2_efd, &self.b2_ed, Activation::Gelu)
    }
}
