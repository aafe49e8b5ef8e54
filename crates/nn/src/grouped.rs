//! A linear map for each of several experts.

use burn::{
    module::{Initializer, Module, Param},
    tensor::{Device, Int, Tensor},
};
use kernels::{Activation, Precision};

use crate::parameter;

/// `y = x W_e + b_e` for the rows of each expert e, all matrices in one tensor so that one product
/// serves all.
#[derive(Module, Debug)]
pub struct GroupedLinear {
    /// W, `[E, inputs, outputs]`.
    pub weight: Param<Tensor<3>>,
    /// b, `[E, outputs]`.
    pub bias: Option<Param<Tensor<2>>>,
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
            weight: uniform.init(dims, device),
            bias: bias.then(|| Initializer::Zeros.init([experts, outputs], device)),
        }
    }

    /// The maps of given numbers: W `[E, inputs, outputs]`, b `[E, outputs]`.
    #[must_use]
    pub fn from_tensors(weight: Tensor<3>, bias: Option<Tensor<2>>) -> Self {
        Self {
            weight: parameter(weight),
            bias: bias.map(Param::from_tensor),
        }
    }

    /// The same numbers off the graph.
    #[must_use]
    pub fn frozen(&self) -> Self {
        let (weight, bias) = self.tensors();
        Self::from_tensors(weight.detach(), bias.map(Tensor::detach)).no_grad()
    }

    /// W and b.
    #[must_use]
    pub fn tensors(&self) -> (Tensor<3>, Option<Tensor<2>>) {
        (self.weight.val(), self.bias.as_ref().map(Param::val))
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
        let (weight, bias) = self.tensors();
        kernels::batched_linear(x_eci, weight, bias, activation, precision)
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
        let (weight, bias) = self.tensors();
        kernels::grouped_linear(x_mi, weight, bias, offsets, activation, precision)
    }
}
