//! A linear map for each of several experts.

use burn::{
    module::{Initializer, Module, Param},
    tensor::{Device, Int, Tensor},
};
use kernels::{Activation, Precision};

use crate::{Watch, Weight};

/// `y = x W_e + b_e` for the rows of each expert e, all matrices in one tensor so that one product
/// serves all.
#[derive(Module, Debug)]
pub struct GroupedLinear {
    /// W, `[E, inputs, outputs]`.
    pub weight: Weight<3>,
    /// b, `[E, outputs]`.
    pub bias: Option<Param<Tensor<2>>>,
    #[module(skip)]
    watch: Option<Watch>,
}

impl GroupedLinear {
    /// Weights uniform within `bound`; biases of zero, if any. `dims` are E, inputs and outputs.
    #[must_use]
    pub fn uniform(dims: [usize; 3], bias: bool, bound: f64, device: &Device) -> Self {
        let [experts, _, outputs] = dims;
        let uniform = Initializer::Uniform {
            min: -bound,
            max: bound,
        };
        Self {
            weight: uniform.init::<3, _>(dims, device).into(),
            bias: bias.then(|| Initializer::Zeros.init([experts, outputs], device)),
            watch: None,
        }
    }

    /// The maps of given numbers: W `[E, inputs, outputs]`, b `[E, outputs]`.
    #[must_use]
    pub fn from_tensors(weight: impl Into<Weight<3>>, bias: Option<Tensor<2>>) -> Self {
        Self {
            weight: weight.into(),
            bias: bias.map(Param::from_tensor),
            watch: None,
        }
    }

    /// Shows what they read from now on to a watch, or to none.
    pub fn watched(&mut self, watch: Option<Watch>) {
        self.watch = watch;
    }

    /// The same numbers off the graph.
    #[must_use]
    pub fn frozen(&self) -> Self {
        let weight = match &self.weight {
            Weight::Dense(weight) => Weight::from(weight.val().detach()),
            Weight::Int4(weight) => Weight::Int4(weight.clone()),
        };
        Self::from_tensors(weight, self.bias().map(Tensor::detach)).no_grad()
    }

    /// W and b.
    ///
    /// # Panics
    ///
    /// When W is of four bits.
    #[must_use]
    pub fn tensors(&self) -> (Tensor<3>, Option<Tensor<2>>) {
        (self.weight.val(), self.bias())
    }

    fn bias(&self) -> Option<Tensor<2>> {
        self.bias.as_ref().map(Param::val)
    }

    /// E, inputs and outputs.
    #[must_use]
    pub fn dims(&self) -> [usize; 3] {
        self.weight.dims()
    }

    /// Every expert on its own batch of rows, after an activation: `x_eci` `[E, C, inputs]`, or `[1,
    /// C, inputs]` for the same rows everywhere, to `[E, C, outputs]`.
    #[must_use]
    pub fn forward_batched(
        &self,
        x_eci: Tensor<3>,
        activation: Activation,
        precision: Precision,
    ) -> Tensor<3> {
        if let Some(watch) = &self.watch {
            let [experts, inputs, _] = self.dims();
            let [_, rows, _] = x_eci.dims();
            let each = activation.apply(x_eci.clone());
            let begins = Tensor::arange(0..experts as i64 + 1, &x_eci.device()) * rows as i64;
            watch.see(each.expand([experts, rows, inputs]), Some(begins));
        }
        let bias = self.bias();
        match &self.weight {
            Weight::Dense(weight) => {
                kernels::batched_linear(x_eci, weight.val(), bias, activation, precision)
            }
            Weight::Int4(weight) => {
                kernels::int4_batched_linear(x_eci, weight, bias, activation, precision)
            }
        }
    }

    /// The experts on rows sorted by expert, after an activation.
    ///
    /// # Shapes
    ///
    /// `x_mi` `[M, inputs]`, `offsets` `[E + 1]`: expert e has the rows from `offsets[e]` to
    /// `offsets[e + 1]`; to `[M, outputs]`. Rows of no expert give zero.
    #[must_use]
    pub fn forward_sorted(
        &self,
        x_mi: Tensor<2>,
        offsets: Tensor<1, Int>,
        activation: Activation,
        precision: Precision,
    ) -> Tensor<2> {
        if let Some(watch) = &self.watch {
            watch.see(activation.apply(x_mi.clone()), Some(offsets.clone()));
        }
        let bias = self.bias();
        match &self.weight {
            Weight::Dense(weight) => {
                kernels::grouped_linear(x_mi, weight.val(), bias, offsets, activation, precision)
            }
            Weight::Int4(weight) => {
                kernels::int4_grouped_linear(x_mi, weight, bias, offsets, activation, precision)
            }
        }
    }
}
