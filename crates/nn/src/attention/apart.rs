//! Attention whose queries, keys and values are maps of their own.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};

use super::{KeyValues, Mask, mix};
use crate::{Linear, LinearDims, Manner, Rotation};

/// The sizes of an attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttentionDims {
    /// D.
    pub width: usize,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values, each for as many of the queries'; a divisor of `heads`.
    pub key_heads: usize,
    /// dh.
    pub head_width: usize,
    /// Whether queries, keys and values have biases.
    pub bias: bool,
    /// Whether the map behind them has one.
    pub output_bias: bool,
}

impl AttentionDims {
    /// Those of the maps: query, key, value, output.
    #[must_use]
    pub const fn maps(&self) -> [LinearDims; 4] {
        let (queries, keys) = (
            self.heads * self.head_width,
            self.key_heads * self.head_width,
        );
        let (query, key) = (
            LinearDims {
                inputs: self.width,
                outputs: queries,
                bias: self.bias,
            },
            LinearDims {
                inputs: self.width,
                outputs: keys,
                bias: self.bias,
            },
        );
        let output = LinearDims {
            inputs: queries,
            outputs: self.width,
            bias: self.output_bias,
        };
        [query, key, key, output]
    }

    /// Parameters.
    #[must_use]
    pub const fn num_params(&self) -> usize {
        let [query, key, value, output] = self.maps();
        query.num_params() + key.num_params() + value.num_params() + output.num_params()
    }
}

/// Multi-head self-attention with maps of their own for queries, keys and values, of which several heads
/// of queries may share one (grouped-query attention, Ainslie et al. 2023).
#[derive(Module, Debug)]
pub struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: usize,
    key_heads: usize,
}

impl Attention {
    /// One of random numbers of this standard deviation and biases of zero.
    #[must_use]
    pub fn init_normal(dims: &AttentionDims, std: f64, device: &Device) -> Self {
        let [query, key, value, output] = dims.maps().map(|map| map.init_normal(std, device));
        Self::from_maps([query, key, value, output], dims.heads, dims.key_heads)
    }

    /// One of given maps: query, key, value, output.
    ///
    /// # Panics
    ///
    /// When heads do not share evenly what the maps give.
    #[must_use]
    pub fn from_maps(maps: [Linear; 4], heads: usize, key_heads: usize) -> Self {
        let [query, key, value, output] = maps;
        assert_eq!(
            heads % key_heads,
            0,
            "heads of keys serve equally many queries"
        );
        let head_width = query.dims().outputs / heads;
        assert_eq!(
            query.dims().outputs,
            heads * head_width,
            "heads are equally wide"
        );
        assert_eq!(
            key.dims().outputs,
            key_heads * head_width,
            "keys are as wide as queries"
        );
        Self {
            query,
            key,
            value,
            output,
            heads,
            key_heads,
        }
    }

    /// Its maps: query, key, value, output.
    #[must_use]
    pub const fn maps_mut(&mut self) -> [&mut Linear; 4] {
        [
            &mut self.query,
            &mut self.key,
            &mut self.value,
            &mut self.output,
        ]
    }

    /// `x_bsd` `[B, S, D]` to `[B, S, D]`. With `before`, queries also see the keys that it holds, and
    /// it gets those of `x_bsd`; the mask is then over all of them.
    #[must_use]
    pub fn forward(
        &self,
        x_bsd: Tensor<3>,
        rotation: Option<&Rotation>,
        mask: &Mask,
        before: Option<&mut KeyValues>,
        manner: impl Into<Manner>,
    ) -> Tensor<3> {
        let manner = manner.into();
        let precision = manner.precision;
        let [batch, sequence, _] = x_bsd.dims();
        let by_head = |map: &Linear, heads: usize| {
            let mapped = map.forward(x_bsd.clone(), manner);
            let width = mapped.dims()[2] / heads;
            mapped.reshape([batch, sequence, heads, width])
        };
        let turned = |x_bshd: Tensor<4>| match rotation {
            Some(rotation) => rotation.turn(x_bshd),
            None => x_bshd,
        };
        let query = turned(by_head(&self.query, self.heads));
        let key = turned(by_head(&self.key, self.key_heads));
        let value = by_head(&self.value, self.key_heads);
        let [.., width] = query.dims();
        let begins = before.as_ref().is_none_or(|before| before.places() == 0);
        let mixed = if begins && mask.is_plainly_causal() && self.heads == self.key_heads {
            if let Some(before) = before {
                let (key, value) = (key.clone(), value.clone());
                before.extend(key.swap_dims(1, 2), value.swap_dims(1, 2));
            }
            // The fast operation, which never holds all scores.
            let joint = Tensor::cat(vec![query, key, value], 2);
            let joint = joint.reshape([batch, sequence, 3 * self.heads * width]);
            kernels::attention(joint, self.heads, None, precision)
        } else {
            let (key, value) = (key.swap_dims(1, 2), value.swap_dims(1, 2));
            let (key, value) = match before {
                Some(before) => before.extend(key, value),
                None => (key, value),
            };
            let (key, value) = (self.for_queries(key), self.for_queries(value));
            mix(query.swap_dims(1, 2), key, value, mask, precision)
                .swap_dims(1, 2)
                .reshape([batch, sequence, self.heads * width])
        };
        self.output.forward(mixed, manner)
    }

    /// Each head as often as there are queries for it, side by side.
    fn for_queries(&self, x_bhkd: Tensor<4>) -> Tensor<4> {
        let each = self.heads / self.key_heads;
        if each == 1 {
            return x_bhkd;
        }
        let [batch, heads, places, width] = x_bhkd.dims();
        x_bhkd
            .unsqueeze_dim::<5>(2)
            .expand([batch, heads, each, places, width])
            .reshape([batch, heads * each, places, width])
    }
}
