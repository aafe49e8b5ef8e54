//! Multi-head self-attention: `softmax(Q K^T / sqrt(dh) + mask) V` per head, then a linear map.

mod apart;
mod cache;
mod joint;
mod mask;

pub use apart::{Attention, AttentionDims};
pub use cache::KeyValues;
pub use joint::JointAttention;
pub use mask::Mask;

use burn::tensor::Tensor;
use kernels::{Precision, matmul, softmax};

/// `softmax(Q K^T / sqrt(dh) + mask) V`: queries `[B, H, S, dh]`, keys and values `[B, H, K, dh]`, to
/// `[B, H, S, dh]`.
///
/// A query that sees no key mixes all of them evenly: the mask is the smallest number and not minus
/// infinity, and what is added to it is lost in rounding. The gradient goes through that sum all the same,
/// as if the scores of such a query counted. It is what `transformers` does in its plain attention, and
/// matters where a loss counts what padding predicts.
fn mix(
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    mask: &Mask,
    precision: Precision,
) -> Tensor<4> {
    let [_, _, _, width] = query.dims();
    let query = query * (width as f64).powf(-0.5);
    let scores = matmul(query, key.swap_dims(2, 3), precision);
    let scores = match mask.added(scores.dims(), &scores.device()) {
        Some(mask) => scores + mask,
        None => scores,
    };
    matmul(softmax(scores), value, precision)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};
    use testkit::{F32_SUM, assert_close};

    use super::*;

    fn row(values: [f32; 3], device: &Device) -> Tensor<4> {
        Tensor::<1>::from_floats(values, device).reshape([1, 1, 3, 1])
    }

    #[test]
    fn padding_is_not_seen_and_the_future_is() {
        let device = Device::flex();
        // One head of width 1. Queries of 0 weigh all real keys alike: the mean of 2 and 4, for
        // the first token too. A query of ln 3 against keys 1 and 0 weighs them 3 : 1.
        let mask = Mask::both_ways().with_real(Tensor::from_bool([[true, true, false]], &device));
        let query = row([0.0, 3f32.ln(), 0.0], &device);
        let (key, value) = (
            row([1.0, 0.0, 50.0], &device),
            row([2.0, 4.0, 1000.0], &device),
        );
        let mixed = mix(query, key, value.clone(), &mask, Precision::F32);
        assert_close(mixed, row([3.0, 2.5, 3.0], &device), F32_SUM);

        let nothing = Mask::both_ways().with_real(Tensor::from_bool([[false; 3]], &device));
        let zeros = row([0.0; 3], &device);
        let mixed = mix(zeros.clone(), zeros, value, &nothing, Precision::F32);
        assert_close(mixed, row([1006.0 / 3.0; 3], &device), F32_SUM);
    }

    #[test]
    fn gradients_of_a_query_that_sees_nothing_are_those_of_one_that_sees_all() {
        let device = Device::flex().autodiff();
        let nothing = Mask::both_ways().with_real(Tensor::from_bool([[false; 3]], &device));
        let value = row([2.0, 4.0, 9.0], &device);
        let query = Tensor::<4>::ones([1, 1, 1, 1], &device);
        let keys = row([0.0; 3], &device).require_grad();
        let mixed = mix(query, keys.clone(), value, &nothing, Precision::F32);
        // Weights of 1/3 around a mean of 5: (2 - 5) / 3, (4 - 5) / 3, (9 - 5) / 3.
        let gradients = mixed.sum().backward();
        let found = keys.grad(&gradients).expect("a gradient");
        let plain = Device::flex();
        let expected = row([-1.0, -1.0 / 3.0, 4.0 / 3.0], &plain);
        assert_close(found, expected, F32_SUM);
    }

    #[test]
    fn a_causal_query_sees_what_came_before_it_and_is_real() {
        let device = Device::flex();
        let zeros = row([0.0; 3], &device);
        let value = row([2.0, 4.0, 9.0], &device);
        let mixed = mix(
            zeros.clone(),
            zeros.clone(),
            value.clone(),
            &Mask::causal(),
            Precision::F32,
        );
        assert_close(mixed, row([2.0, 3.0, 5.0], &device), F32_SUM);
        // The first token is padding: the others do not see it.
        let mask = Mask::causal().with_real(Tensor::from_bool([[false, true, true]], &device));
        let mixed = mix(zeros.clone(), zeros, value, &mask, Precision::F32);
        let seen = mixed.narrow(2, 1, 2);
        let expected = Tensor::<1>::from_floats([4.0, 6.5], &device).reshape([1, 1, 2, 1]);
        assert_close(seen, expected, F32_SUM);
    }

    #[test]
    fn a_query_sees_its_own_text_alone() {
        let device = Device::flex();
        let zeros = row([0.0; 3], &device);
        let value = row([2.0, 4.0, 9.0], &device);
        let mixed = |mask: Mask| {
            let (query, key) = (zeros.clone(), zeros.clone());
            mix(query, key, value.clone(), &mask, Precision::F32)
        };
        // Two texts: the last two tokens are one. Both ways its tokens see each other.
        let texts = Tensor::from_ints([[1, 2, 2]], &device);
        let causal = mixed(Mask::causal().with_texts(texts.clone()));
        assert_close(causal, row([2.0, 4.0, 6.5], &device), F32_SUM);
        let both_ways = mixed(Mask::both_ways().with_texts(texts.clone()));
        assert_close(both_ways, row([2.0, 6.5, 6.5], &device), F32_SUM);
        // A query behind two keys that were there before sees that of its own text.
        let one = zeros.clone().narrow(2, 0, 1);
        let mask = Mask::causal().with_texts(texts);
        let mixed = mix(one, zeros.clone(), value, &mask, Precision::F32);
        assert_close(mixed, Tensor::from_floats([[[[6.5]]]], &device), F32_SUM);
    }

    #[test]
    fn the_last_queries_see_all_keys_before_them() {
        let device = Device::flex();
        let query = Tensor::<4>::zeros([1, 1, 1, 1], &device);
        let keys = row([0.0; 3], &device);
        let value = row([2.0, 4.0, 9.0], &device);
        // One query behind two keys that were there before.
        let mixed = mix(query, keys, value, &Mask::causal(), Precision::F32);
        assert_close(mixed, Tensor::from_floats([[[[5.0]]]], &device), F32_SUM);
    }

    #[test]
    fn scores_shrink_with_the_root_of_the_width() {
        let device = Device::flex();
        // Width 4: the product 2 ln 3 over sqrt(4) is ln 3, so the weights are 3 : 1.
        let query = Tensor::<4>::from_floats([[[[1.0f32; 4], [1.0; 4]]]], &device);
        let entry = 3f32.ln() / 2.0;
        let key = Tensor::<4>::from_floats([[[[entry; 4], [0.0; 4]]]], &device);
        let value = Tensor::<4>::from_floats([[[[8.0f32; 4], [0.0; 4]]]], &device);
        let mixed = mix(query, key, value, &Mask::both_ways(), Precision::F32);
        let expected = Tensor::from_floats([[[[6.0f32; 4], [6.0; 4]]]], &device);
        assert_close(mixed, expected, F32_SUM);
    }
}
