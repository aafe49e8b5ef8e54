//! Multi-head self-attention in both directions.

use burn::{
    module::Module,
    tensor::{Bool, Tensor},
};
use kernels::{Precision, matmul, softmax};
use nn::Linear;

use crate::{BertConfig, weights::Weights};

/// `softmax(Q K^T / sqrt(dh) + mask) V` per head, then an affine map; the mask leaves out keys that
/// are padding.
#[derive(Module, Debug)]
pub(crate) struct SelfAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: usize,
}

impl SelfAttention {
    /// The attention `<name>.self.*`, `<name>.output.dense`.
    pub(crate) fn read(weights: &Weights, name: &str, config: &BertConfig) -> Self {
        let map = |part: &str| weights.linear(&format!("{name}.{part}"));
        Self {
            query: map("self.query"),
            key: map("self.key"),
            value: map("self.value"),
            output: map("output.dense"),
            heads: config.num_attention_heads,
        }
    }

    /// `x_bsd` `[B, S, D]` to `[B, S, D]`; `mask_bs` `[B, S]` is true for tokens that are real.
    pub(crate) fn forward(
        &self,
        x_bsd: Tensor<3>,
        mask_bs: &Tensor<2, Bool>,
        precision: Precision,
    ) -> Tensor<3> {
        let [batch, sequence, width] = x_bsd.dims();
        let by_head = |map: &Linear| {
            map.forward(x_bsd.clone(), precision)
                .reshape([batch, sequence, self.heads, width / self.heads])
                .swap_dims(1, 2)
        };
        let mixed = mix(
            by_head(&self.query),
            by_head(&self.key),
            by_head(&self.value),
            mask_bs,
            precision,
        );
        let mixed = mixed.swap_dims(1, 2).reshape([batch, sequence, width]);
        self.output.forward(mixed, precision)
    }
}

/// `softmax(Q K^T / sqrt(dh) + mask) V`, all `[B, H, S, dh]`. A sequence of padding alone mixes all
/// its tokens evenly: the mask is the smallest number and not minus infinity.
fn mix(
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    mask_bs: &Tensor<2, Bool>,
    precision: Precision,
) -> Tensor<4> {
    let [batch, heads, sequence, width] = query.dims();
    let query = query * (width as f64).powf(-0.5);
    let scores = matmul(query, key.swap_dims(2, 3), precision);
    let padding = mask_bs.clone().bool_not().reshape([batch, 1, 1, sequence]);
    let padding = padding.expand([batch, heads, sequence, sequence]);
    let weights = softmax(scores.mask_fill(padding, f32::MIN));
    matmul(weights, value, precision)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use testkit::{F32_SUM, assert_close};

    use super::*;

    #[test]
    fn padding_is_not_seen_and_the_future_is() {
        let device = Device::flex();
        // One head of width 1. Queries of 0 weigh all real keys alike: the mean of 2 and 4, for
        // the first token too. A query of ln 3 against keys 1 and 0 weighs them 3 : 1.
        let row =
            |values: [f32; 3]| Tensor::<1>::from_floats(values, &device).reshape([1, 1, 3, 1]);
        let mask = Tensor::from_bool([[true, true, false]], &device);
        let query = row([0.0, 3f32.ln(), 0.0]);
        let (key, value) = (row([1.0, 0.0, 50.0]), row([2.0, 4.0, 1000.0]));
        let mixed = mix(query, key, value.clone(), &mask, Precision::F32);
        assert_close(mixed, row([3.0, 2.5, 3.0]), F32_SUM);

        let nothing = Tensor::from_bool([[false; 3]], &device);
        let zeros = row([0.0; 3]);
        let mixed = mix(zeros.clone(), zeros, value, &nothing, Precision::F32);
        assert_close(mixed, row([1006.0 / 3.0; 3]), F32_SUM);
    }

    #[test]
    fn scores_shrink_with_the_root_of_the_width() {
        let device = Device::flex();
        // Width 4: the product 2 ln 3 over sqrt(4) is ln 3, so the weights are 3 : 1.
        let query = Tensor::<4>::from_floats([[[[1.0f32; 4], [1.0; 4]]]], &device);
        let entry = 3f32.ln() / 2.0;
        let key = Tensor::<4>::from_floats([[[[entry; 4], [0.0; 4]]]], &device);
        let value = Tensor::<4>::from_floats([[[[8.0f32; 4], [0.0; 4]]]], &device);
        let mask = Tensor::from_bool([[true, true]], &device);
        let mixed = mix(query, key, value, &mask, Precision::F32);
        let expected = Tensor::from_floats([[[[6.0f32; 4], [6.0; 4]]]], &device);
        assert_close(mixed, expected, F32_SUM);
    }
}
