//! The backward pass, which computes each block's weights again.

use rayon::prelude::*;

use super::{
    Into, QUERIES,
    heads::{Layout, Part},
    product, room,
    weights::{Block, soften_backward},
};
use crate::{attention_plan::AttentionPlan, flex::gemm::View};

/// Buffers of one thread.
#[derive(Default)]
struct Scratch {
    scores: Vec<f32>,
    dscores: Vec<f32>,
    dquery: Vec<f32>,
    dkey: Vec<f32>,
    dvalue: Vec<f32>,
}

/// The gradient for the projection, `[B, S, 3, H, dh]`.
pub(super) fn backward(
    qkv: &[f32],
    log_sums: &[f32],
    dmixed: &[f32],
    layout: Layout,
    plan: AttentionPlan,
) -> Vec<f32> {
    let mut dqkv = vec![0.0; qkv.len()];
    if dqkv.is_empty() {
        return dqkv;
    }
    let input = Input {
        qkv,
        dmixed,
        layout,
        plan,
    };
    let mut heads = Vec::with_capacity(layout.batch * layout.heads);
    let mut columns = layout.columns(&mut dqkv, 3 * layout.heads).into_iter();
    for _ in 0..layout.batch {
        let [queries, keys, values] =
            [(); 3].map(|()| columns.by_ref().take(layout.heads).collect::<Vec<_>>());
        heads.extend(queries.into_iter().zip(keys).zip(values));
    }
    heads
        .into_par_iter()
        .zip(log_sums.par_chunks(layout.sequence))
        .enumerate()
        .for_each_init(
            Scratch::default,
            |scratch, (head, (((mut dquery, dkey), dvalue), log_sums))| {
                let size = layout.sequence * layout.width;
                room(&mut scratch.dkey, size).fill(0.0);
                room(&mut scratch.dvalue, size).fill(0.0);
                for first in (0..layout.sequence).step_by(QUERIES) {
                    let last = (first + QUERIES).min(layout.sequence);
                    let rows = &mut dquery[first..last];
                    input.block(head, first, &log_sums[first..last], rows, scratch);
                }
                copy(dkey, &scratch.dkey, layout.width);
                copy(dvalue, &scratch.dvalue, layout.width);
            },
        );
    dqkv
}

fn copy<'a>(rows: impl IntoIterator<Item = &'a mut [f32]>, from: &[f32], width: usize) {
    for (row, from) in rows.into_iter().zip(from.chunks_exact(width)) {
        row.copy_from_slice(from);
    }
}

/// What all blocks read.
struct Input<'a> {
    qkv: &'a [f32],
    dmixed: &'a [f32],
    layout: Layout,
    plan: AttentionPlan,
}

impl Input<'_> {
    /// One block of queries of one head: its rows of `dquery`, and what it adds to the keys' and
    /// values' gradients in the scratch buffers.
    fn block(
        &self,
        head: usize,
        first: usize,
        log_sums: &[f32],
        dquery: &mut [&mut [f32]],
        scratch: &mut Scratch,
    ) {
        let (layout, precision) = (self.layout, self.plan.precision);
        let (queries, keys) = (dquery.len(), first + dquery.len());
        let part = |part, first, last| layout.part(self.qkv, head, part, first, last);
        let (query, key) = (part(Part::Query, first, keys), part(Part::Key, 0, keys));
        let value = part(Part::Value, 0, keys);
        let dmixed = layout.mixed(self.dmixed, head, first, keys);

        let scores = room(&mut scratch.scores, queries * keys);
        let dscores = room(&mut scratch.dscores, queries * keys);
        product(scores, query, key.transposed(), Into::Replace, precision);
        product(
            dscores,
            dmixed,
            value.transposed(),
            Into::Replace,
            precision,
        );
        let block = Block {
            first,
            keys,
            scale: layout.scale(),
            dropout: self
                .plan
                .dropout
                .map(|dropout| (dropout, head * layout.sequence + first)),
        };
        soften_backward(scores, dscores, log_sums, block);

        let weights = View::row_major(&*scores, queries, keys);
        let dscores = View::row_major(&*dscores, queries, keys);
        let size = keys * layout.width;
        let dvalue = &mut scratch.dvalue[..size];
        product(dvalue, weights.transposed(), dmixed, Into::Add, precision);
        let dkey = &mut scratch.dkey[..size];
        product(dkey, dscores.transposed(), query, Into::Add, precision);
        let rows = room(&mut scratch.dquery, queries * layout.width);
        product(rows, dscores, key, Into::Replace, precision);
        copy(dquery.iter_mut().map(|row| &mut **row), rows, layout.width);
    }
}
