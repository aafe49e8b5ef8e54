//! A bank of adapters: M bottlenecks in stacked matrices.

use burn::{
    module::Module,
    tensor::{Device, Distribution, Int, Tensor},
};
use kernels::{Activation as Before, Precision};
use nn::{Activation, Dropout, GroupedLinear, Manner};

use super::{AdapterConfig, AdapterForm, AdapterInit};
use crate::Networks;

/// M adapters, stacked so that one product serves all.
///
/// # Equation
///
/// `Delta_j(x) = s * dropout(x) A_j B_j`, or `silu(dropout(x A_j)) B_j`: see [`AdapterForm`].
///
/// # Shapes
///
/// A `[M, D, r]` and B `[M, r, D]`, in f32 whatever the layer beside is in.
///
/// # Gradients
///
/// Into A, B and x.
///
/// # Reference
///
/// Liu et al. 2024 (PERFT); Hu et al. 2022 (LoRA); He et al. 2022 (parallel adapters).
#[derive(Module, Debug)]
pub struct AdapterBank {
    /// A, or W1.
    down: GroupedLinear,
    /// B, or W2.
    up: GroupedLinear,
    dropout: Dropout,
    #[module(skip)]
    config: AdapterConfig,
}

impl AdapterBank {
    /// The adapters of a configuration, drawn from the device's generator.
    #[must_use]
    pub fn init(config: &AdapterConfig, device: &Device) -> Self {
        let AdapterConfig {
            adapters,
            width,
            rank,
            ..
        } = *config;
        let (of_down, of_up) = ([adapters, width, rank], [adapters, rank, width]);
        let normal = |dims, std| Tensor::random(dims, Distribution::Normal(0.0, std), device);
        let (down, up) = match config.init {
            AdapterInit::Kaiming => {
                let bound = (width as f64).sqrt().recip();
                let uniform = Distribution::Uniform(-bound, bound);
                let down = Tensor::random(of_down, uniform, device);
                (down, Tensor::zeros(of_up, device))
            }
            AdapterInit::AsPublished => {
                let down = normal(of_down, (2.0 / rank as f64).sqrt());
                (down, normal(of_up, 1e-6))
            }
        };
        Self::from_tensors(down, up, config)
    }

    /// The adapters of given matrices, A `[M, D, r]` and B `[M, r, D]`; how they start in `config` is not looked at.
    ///
    /// # Panics
    ///
    /// When the matrices are not of the sizes of the configuration.
    #[must_use]
    pub fn from_tensors(down: Tensor<3>, up: Tensor<3>, config: &AdapterConfig) -> Self {
        let AdapterConfig {
            adapters,
            width,
            rank,
            ..
        } = *config;
        let (of_down, of_up) = (down.dims(), up.dims());
        assert!(
            of_down == [adapters, width, rank] && of_up == [adapters, rank, width],
            "adapters: A is {of_down:?} and B {of_up:?}, for {config:?}"
        );
        Self {
            down: GroupedLinear::from_tensors(down, None),
            up: GroupedLinear::from_tensors(up, None),
            dropout: Dropout::new(config.dropout),
            config: *config,
        }
    }

    /// Sizes and settings.
    #[must_use]
    pub const fn config(&self) -> &AdapterConfig {
        &self.config
    }

    /// A `[M, D, r]` and B `[M, r, D]`.
    #[must_use]
    pub fn tensors(&self) -> (Tensor<3>, Tensor<3>) {
        (self.down.tensors().0, self.up.tensors().0)
    }

    /// The same off the graph.
    pub(crate) fn frozen(&self) -> Self {
        Self {
            down: self.down.frozen(),
            up: self.up.frozen(),
            ..self.clone()
        }
    }

    /// The sum of all adapters of each row: `x_td` `[T, D]` to the same shape.
    #[must_use]
    pub fn forward_summed(&self, x_td: Tensor<2>, manner: impl Into<Manner>) -> Tensor<2> {
        let y_mtd = self.forward_batched(x_td.unsqueeze_dim::<3>(0), manner.into());
        y_mtd.sum_dim(0).squeeze_dim(0)
    }

    fn dropped<const R: usize>(&self, x: Tensor<R>, manner: Manner) -> Tensor<R> {
        match manner.dropout_seed {
            Some(seed) => self.dropout.forward(x, seed, self.config.place),
            None => x,
        }
    }

    /// The bottlenecks, with their maps applied in one way or another.
    fn forward<const R: usize>(
        &self,
        x: Tensor<R>,
        manner: Manner,
        apply: impl Fn(&GroupedLinear, Tensor<R>) -> Tensor<R>,
    ) -> Tensor<R> {
        let narrow = match self.config.form {
            // The narrow rows in between are the cheapest to scale.
            AdapterForm::Lora => apply(&self.down, self.dropped(x, manner)) * self.config.scale,
            AdapterForm::Parallel => {
                Activation::Silu.apply(self.dropped(apply(&self.down, x), manner))
            }
        };
        apply(&self.up, narrow)
    }
}

impl Networks for AdapterBank {
    fn forward_batched(&self, x_ecd: Tensor<3>, manner: Manner) -> Tensor<3> {
        let [_, rows, width] = x_ecd.dims();
        let device = x_ecd.device();
        let draws = |seed| self.dropout.draws(seed, self.config.place, &device);
        // Adapters that read the same rows still draw apart.
        let x_ecd = if manner.dropout_seed.and_then(draws).is_some() {
            x_ecd.expand([self.config.adapters, rows, width])
        } else {
            x_ecd
        };
        self.forward(x_ecd, manner, |map, x| {
            map.forward_batched(x, Before::Identity, manner)
        })
    }

    fn forward_sorted(
        &self,
        x_md: Tensor<2>,
        offsets: Tensor<1, Int>,
        manner: Manner,
    ) -> Tensor<2> {
        self.forward(x_md, manner, |map, x| {
            map.forward_sorted(x, offsets.clone(), Before::Identity, manner)
        })
    }

    fn forward_frozen(&self, x_ecd: Tensor<3>, precision: Precision) -> Tensor<3> {
        self.frozen().forward_batched(x_ecd, precision.into())
    }
}
