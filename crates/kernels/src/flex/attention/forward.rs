//! The forward pass.

use rayon::prelude::*;

use super::{
    Into, QUERIES,
    heads::{Layout, Part},
    product, room,
    weights::{Block, soften},
};
use crate::{attention_plan::AttentionPlan, flex::gemm::View};

/// Buffers of one thread.
#[derive(Default)]
struct Scratch {
    scores: Vec<f32>,
    mixed: Vec<f32>,
}

/// The mixed values `[B, S, H, dh]` and the logarithms of the rows' sums `[B, H, S]`.
pub(super) fn forward(qkv: &[f32], layout: Layout, plan: AttentionPlan) -> (Vec<f32>, Vec<f32>) {
    let mut mixed = vec![0.0; layout.mixed_shape().iter().product()];
    let mut log_sums = vec![0.0; layout.rows_shape().iter().product()];
    if mixed.is_empty() {
        return (mixed, log_sums);
    }
    layout
        .columns(&mut mixed, layout.heads)
        .into_par_iter()
        .zip(log_sums.par_chunks_mut(layout.sequence))
        .enumerate()
        .for_each_init(Scratch::default, |scratch, (head, (mut rows, log_sums))| {
            for first in (0..layout.sequence).step_by(QUERIES) {
                let last = (first + QUERIES).min(layout.sequence);
                let (rows, log_sums) = (&mut rows[first..last], &mut log_sums[first..last]);
                mix(qkv, layout, plan, head, first, rows, log_sums, scratch);
            }
        });
    (mixed, log_sums)
}

/// One block of queries of one head.
#[expect(
    clippy::too_many_arguments,
    reason = "what a block reads, then what it writes"
)]
fn mix(
    qkv: &[f32],
    layout: Layout,
    plan: AttentionPlan,
    head: usize,
    first: usize,
    rows: &mut [&mut [f32]],
    log_sums: &mut [f32],
    scratch: &mut Scratch,
) {
    let (queries, keys) = (rows.len(), first + rows.len());
    let part = |part, first, last| layout.part(qkv, head, part, first, last);
    let scores = room(&mut scratch.scores, queries * keys);
    let query = part(Part::Query, first, keys);
    let key = part(Part::Key, 0, keys).transposed();
    product(scores, query, key, Into::Replace, plan.precision);

    let mut shares = [0.0; QUERIES];
    let block = Block {
        first,
        keys,
        scale: layout.scale(),
        dropout: plan
            .dropout
            .map(|dropout| (dropout, head * layout.sequence + first)),
    };
    soften(scores, &mut shares, log_sums, block);

    let mixed = room(&mut scratch.mixed, queries * layout.width);
    let weights = View::row_major(&*scores, queries, keys);
    let value = part(Part::Value, 0, keys);
    product(mixed, weights, value, Into::Replace, plan.precision);
    for ((row, mixed), share) in rows
        .iter_mut()
        .zip(mixed.chunks_exact(layout.width))
        .zip(shares)
    {
        for (out, mixed) in row.iter_mut().zip(mixed) {
            *out = mixed * share;
        }
    }
}
