//! Causal multi-head self-attention.

use burn::tensor::{Bool, Tensor, activation::softmax};

use crate::{Precision, SeededDropout, attention_plan::AttentionPlan, matmul};

/// Causal multi-head self-attention of a joint projection: for each head,
/// `drop(softmax(Q K^T / sqrt(dh) + mask)) V`, where the mask is minus infinity for keys after the
/// query. `dropout` is that of the attention weights, none outside training.
///
/// The fast path has f32 softmax in any precision, never holds the `S x S` scores of more than a block of queries, and
/// leaves out blocks of keys that are all in the future; it keeps the log of each row's sum and
/// computes the weights again in the backward pass.
///
/// # Shapes
///
/// `qkv_bsj` `[B, S, 3 * H * dh]`: in each row all queries, then all keys, then all values, each
/// head by head. To `[B, S, H * dh]`, head by head.
///
/// # Gradients
///
/// Into `qkv_bsj`.
///
/// # Panics
///
/// When three times the number of heads does not divide the width.
#[must_use]
pub fn attention(
    qkv_bsj: Tensor<3>,
    heads: usize,
    dropout: Option<SeededDropout>,
    precision: Precision,
) -> Tensor<3> {
    let [batch, sequence, _] = qkv_bsj.dims();
    let device = qkv_bsj.device();
    let _ = head_width(&qkv_bsj, heads);
    if crate::is_host(&device) {
        return crate::extension::attention(
            qkv_bsj,
            AttentionPlan {
                heads,
                dropout,
                precision,
            },
        );
    }
    let factors = dropout
        .map(|dropout| dropout.factors_of_device([batch, heads, sequence, sequence], &device));
    attention_reference(qkv_bsj, heads, factors, precision)
}

/// [`attention`] in plain tensor operations, with the factors of the weights' dropout
/// `[B, H, S, S]` as an argument.
#[must_use]
pub fn attention_reference(
    qkv_bsj: Tensor<3>,
    heads: usize,
    dropout_bhss: Option<Tensor<4>>,
    precision: Precision,
) -> Tensor<3> {
    let [batch, sequence, _] = qkv_bsj.dims();
    let width = head_width(&qkv_bsj, heads);
    let joint = qkv_bsj
        .reshape([batch, sequence, 3, heads, width])
        .permute([2, 0, 3, 1, 4]);
    let part = |index| joint.clone().narrow(0, index, 1).squeeze_dim::<4>(0);
    let (query, key, value) = (part(0), part(1), part(2));

    let query = query * (width as f64).powf(-0.5);
    let scores = matmul(query, key.swap_dims(2, 3), precision);
    let future = Tensor::<2, Bool>::tril_mask([sequence, sequence], 0, &scores.device())
        .unsqueeze::<4>()
        .expand([batch, heads, sequence, sequence]);
    let weights = softmax(scores.mask_fill(future, f32::NEG_INFINITY), 3);
    let weights = match dropout_bhss {
        Some(factors) => weights * factors,
        None => weights,
    };
    matmul(weights, value, precision)
        .swap_dims(1, 2)
        .reshape([batch, sequence, heads * width])
}

/// dh.
fn head_width(qkv_bsj: &Tensor<3>, heads: usize) -> usize {
    let [_, _, joint] = qkv_bsj.dims();
    assert!(
        heads > 0 && joint % (3 * heads) == 0,
        "attention: a row of {joint} values is not three times {heads} heads of equal width"
    );
    joint / (3 * heads)
}
