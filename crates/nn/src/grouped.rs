//! A linear map for each of several experts.

use burn::{
    module::{Initializer, Module, Param},
    tensor::{Device, Int, Tensor},
};
use kernels::Activation;

use crate::{LowRank, Manner, Watch, Weight, weight::moved};

/// `y = x W_e + b_e` for the rows of each expert e, all matrices in one tensor so that one product
/// serves all.
#[derive(Module, Debug)]
pub struct GroupedLinear {
    /// W, `[E, inputs, outputs]`.
    pub weight: Weight<3>,
    /// b, `[E, outputs]`.
    pub bias: Option<Param<Tensor<2>>>,
    /// What is added to W, if anything.
    pub delta: Option<LowRank<3>>,
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
            delta: None,
            watch: None,
        }
    }

    /// The maps of given numbers: W `[E, inputs, outputs]`, b `[E, outputs]`.
    #[must_use]
    pub fn from_tensors(weight: impl Into<Weight<3>>, bias: Option<Tensor<2>>) -> Self {
        Self {
            weight: weight.into(),
            bias: bias.map(Param::from_tensor),
            delta: None,
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
        let mut frozen = Self::from_tensors(weight, self.bias().map(Tensor::detach)).no_grad();
        frozen.delta = self.delta.as_ref().map(LowRank::frozen);
        frozen
    }

    /// Adds the delta to W for good, and gives it, as [`Linear::merge`](crate::Linear::merge).
    ///
    /// # Panics
    ///
    /// When there is a delta and W is of four bits.
    pub fn merge(&mut self) -> Option<LowRank<3>> {
        let delta = self.delta.take()?;
        self.weight = moved(&self.weight, delta.product());
        Some(delta)
    }

    /// Takes a delta that was merged out of W again, up to rounding, and keeps it beside.
    ///
    /// # Panics
    ///
    /// When W is of four bits or of other sizes.
    pub fn unmerge(&mut self, delta: LowRank<3>) {
        self.weight = moved(&self.weight, -delta.product());
        self.delta = Some(delta);
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
        manner: impl Into<Manner>,
    ) -> Tensor<3> {
        let manner = manner.into();
        if let Some(watch) = &self.watch {
            let [experts, inputs, _] = self.dims();
            let [_, rows, _] = x_eci.dims();
            let each = activation.apply(x_eci.clone());
            let begins = Tensor::arange(0..experts as i64 + 1, &x_eci.device()) * rows as i64;
            watch.see(each.expand([experts, rows, inputs]), Some(begins));
        }
        let bias = self.bias();
        let delta = self.delta.as_ref();
        let added =
            delta.map(|delta| delta.forward_batched(activation.apply(x_eci.clone()), manner));
        let precision = manner.precision;
        let y_eco = match &self.weight {
            Weight::Dense(weight) => {
                kernels::batched_linear(x_eci, weight.val(), bias, activation, precision)
            }
            Weight::Int4(weight) => {
                kernels::int4_batched_linear(x_eci, weight, bias, activation, precision)
            }
        };
        match added {
            Some(added) => y_eco + added,
            None => y_eco,
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
        manner: impl Into<Manner>,
    ) -> Tensor<2> {
        let manner = manner.into();
        if let Some(watch) = &self.watch {
            watch.see(activation.apply(x_mi.clone()), Some(offsets.clone()));
        }
        let bias = self.bias();
        let delta = self.delta.as_ref();
        let added = delta.map(|delta| {
            delta.forward_sorted(activation.apply(x_mi.clone()), offsets.clone(), manner)
        });
        let precision = manner.precision;
        let y_mo = match &self.weight {
            Weight::Dense(weight) => {
                kernels::grouped_linear(x_mi, weight.val(), bias, offsets, activation, precision)
            }
            Weight::Int4(weight) => {
                kernels::int4_grouped_linear(x_mi, weight, bias, offsets, activation, precision)
            }
        };
        match added {
            Some(added) => y_mo + added,
            None => y_mo,
        }
    }
}
