//! Low-rank deltas of linear maps.

use burn::{
    module::{Module, Param},
    tensor::{DType, Device, Distribution, FloatDType, Int, Tensor},
};
use kernels::Activation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Dropout, Manner};

/// How the matrices of a delta start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LowRankInit {
    /// A uniform within `1 / sqrt(inputs)`, B zero: PEFT's `init_lora_weights = true`.
    #[default]
    Kaiming,
    /// A normal with standard deviation `1 / r`, B zero: PEFT's `"gaussian"`.
    Gaussian,
    /// A uniform within `1 / sqrt(inputs)`, B within `1 / sqrt(r)`: PEFT's `false`. The map changes at once.
    Random,
}

/// A delta that is yet to be built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LowRankConfig {
    /// r.
    pub rank: usize,
    /// s.
    pub scale: f64,
    /// Probability with which a value of the input is dropped in training.
    pub dropout: f64,
    /// How A and B start.
    pub init: LowRankInit,
    /// What its dropout adds to the seed of a pass, so that deltas draw apart.
    pub place: u64,
}

impl LowRankConfig {
    /// `alpha / r`, or with `rank_stabilised` `alpha / sqrt(r)` (Kalajdzievski 2023).
    #[must_use]
    pub fn scale(alpha: f64, rank: usize, rank_stabilised: bool) -> f64 {
        let rank = rank as f64;
        alpha / if rank_stabilised { rank.sqrt() } else { rank }
    }
}

/// A delta of a linear map, or of those of several experts.
///
/// # Equation
///
/// `y += s * dropout(x) A B`, where x is what the map multiplies. `A B` is formed to be merged alone, never in
/// a pass, so that a pass costs `r (inputs + outputs)` multiplications a row.
///
/// # Shapes
///
/// A `[inputs, r]` and B `[r, outputs]` in f32; of experts `[E, inputs, r]` and `[E, r, outputs]`.
///
/// # Gradients
///
/// Into A, B and x, whatever the map itself is.
///
/// # Reference
///
/// Hu et al. 2022 (LoRA); the matrices of Hugging Face's PEFT are these, transposed.
#[derive(Module, Debug)]
pub struct LowRank<const D: usize> {
    a: Param<Tensor<D>>,
    b: Param<Tensor<D>>,
    dropout: Dropout,
    #[module(skip)]
    scale: f64,
    #[module(skip)]
    place: u64,
}

impl<const D: usize> LowRank<D> {
    /// A delta of a weight of these sizes, `[inputs, outputs]` or `[E, inputs, outputs]`, drawn from the
    /// device's generator.
    #[must_use]
    pub fn init(dims: [usize; D], config: &LowRankConfig, device: &Device) -> Self {
        let (inputs, rank) = (dims[D - 2], config.rank);
        let (mut of_a, mut of_b) = (dims, dims);
        of_a[D - 1] = rank;
        of_b[D - 2] = rank;
        let uniform = |dims: [usize; D], fan: usize| {
            let bound = (fan as f64).sqrt().recip();
            Tensor::random(dims, Distribution::Uniform(-bound, bound), device)
        };
        let a = match config.init {
            LowRankInit::Kaiming | LowRankInit::Random => uniform(of_a, inputs),
            LowRankInit::Gaussian => {
                let normal = Distribution::Normal(0.0, (rank as f64).recip());
                Tensor::random(of_a, normal, device)
            }
        };
        let b = match config.init {
            LowRankInit::Kaiming | LowRankInit::Gaussian => Tensor::zeros(of_b, device),
            LowRankInit::Random => uniform(of_b, rank),
        };
        Self::from_tensors(a, b, config)
    }

    /// The delta of given matrices, in f32 whatever they come in; rank and start of `config` are not looked at.
    ///
    /// # Panics
    ///
    /// When the matrices do not fit together.
    #[must_use]
    pub fn from_tensors(a: Tensor<D>, b: Tensor<D>, config: &LowRankConfig) -> Self {
        let (of_a, of_b) = (a.dims(), b.dims());
        assert!(
            of_a[D - 1] == of_b[D - 2] && of_a[..D - 2] == of_b[..D - 2],
            "low rank: A is {of_a:?} and B {of_b:?}"
        );
        let exact = |tensor: Tensor<D>| match tensor.dtype() {
            DType::F32 => Param::from_tensor(tensor),
            _ => Param::from_tensor(tensor.cast(FloatDType::F32)),
        };
        Self {
            a: exact(a),
            b: exact(b),
            dropout: Dropout::new(config.dropout),
            scale: config.scale,
            place: config.place,
        }
    }

    /// A.
    #[must_use]
    pub fn a(&self) -> Tensor<D> {
        self.a.val()
    }

    /// B.
    #[must_use]
    pub fn b(&self) -> Tensor<D> {
        self.b.val()
    }

    /// r.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.a.dims()[D - 1]
    }

    /// s.
    #[must_use]
    pub const fn scale(&self) -> f64 {
        self.scale
    }

    /// The sizes of the weight that it is a delta of.
    #[must_use]
    pub fn dims(&self) -> [usize; D] {
        let mut dims = self.a.dims();
        dims[D - 1] = self.b.dims()[D - 1];
        dims
    }

    /// `s A B`, what it adds to a weight, off the graph.
    #[must_use]
    pub fn product(&self) -> Tensor<D> {
        self.a.val().detach().matmul(self.b.val().detach()) * self.scale
    }

    /// The same off the graph.
    pub(crate) fn frozen(&self) -> Self {
        let off = |param: &Param<Tensor<D>>| {
            Param::from_tensor(param.val().detach()).set_require_grad(false)
        };
        Self {
            a: off(&self.a),
            b: off(&self.b),
            ..self.clone()
        }
    }

    fn dropped<const R: usize>(&self, x: Tensor<R>, manner: Manner) -> Tensor<R> {
        match manner.dropout_seed {
            Some(seed) => self.dropout.forward(x, seed, self.place),
            None => x,
        }
    }
}

impl LowRank<2> {
    /// `s * dropout(x) A B` of `x` `[.., inputs]`.
    pub(crate) fn forward<const R: usize>(&self, x: Tensor<R>, manner: Manner) -> Tensor<R> {
        let product = |x: Tensor<R>, matrix: &Param<Tensor<2>>| {
            let (identity, precision) = (Activation::Identity, manner.precision);
            kernels::linear(x, matrix.val(), None, identity, precision)
        };
        // The narrow rows in between are the cheapest to scale.
        product(
            product(self.dropped(x, manner), &self.a) * self.scale,
            &self.b,
        )
    }
}

impl LowRank<3> {
    /// The same, expert by expert: `x_eci` `[E, C, inputs]`, or `[1, C, inputs]` for the same rows everywhere.
    pub(crate) fn forward_batched(&self, x_eci: Tensor<3>, manner: Manner) -> Tensor<3> {
        let product = |x: Tensor<3>, matrix: &Param<Tensor<3>>| {
            let (identity, precision) = (Activation::Identity, manner.precision);
            kernels::batched_linear(x, matrix.val(), None, identity, precision)
        };
        product(
            product(self.dropped(x_eci, manner), &self.a) * self.scale,
            &self.b,
        )
    }

    /// The same on rows sorted by expert.
    pub(crate) fn forward_sorted(
        &self,
        x_mi: Tensor<2>,
        offsets: Tensor<1, Int>,
        manner: Manner,
    ) -> Tensor<2> {
        let product = |x: Tensor<2>, matrix: &Param<Tensor<3>>| {
            kernels::grouped_matmul(x, matrix.val(), offsets.clone(), manner.precision)
        };
        product(
            product(self.dropped(x_mi, manner), &self.a) * self.scale,
            &self.b,
        )
    }
}
