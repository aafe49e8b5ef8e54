//! A block of attention weights from a block of scores, and the gradient of the one for the other.

use crate::{
    SeededDropout,
    dropout::RowDraws,
    flex::{
        exp::exp,
        wide::{LANES, largest, sum_with, wide},
    },
};

/// Queries `first..` of a head against keys `0..keys`.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) first: usize,
    pub(super) keys: usize,
    pub(super) scale: f32,
    /// The dropout, and the number of the block's first row in it.
    pub(super) dropout: Option<(SeededDropout, usize)>,
}

impl Block {
    /// How many keys the query of a row sees.
    #[inline(always)]
    fn seen(self, row: usize) -> usize {
        self.first + row + 1
    }

    #[inline(always)]
    fn draws(self, row: usize) -> Option<RowDraws> {
        self.dropout.map(|(dropout, base)| dropout.row(base + row))
    }

    /// Where the row's arithmetic may end: at whole vectors, or at the end of the row.
    #[inline(always)]
    fn met(self, row: usize) -> usize {
        self.seen(row).next_multiple_of(LANES).min(self.keys)
    }
}

/// What the weight in a column is multiplied with.
trait Factors: Copy {
    fn factor(self, column: usize) -> f32;
}

#[derive(Clone, Copy)]
struct AllKept;

impl Factors for AllKept {
    #[inline(always)]
    fn factor(self, _: usize) -> f32 {
        1.0
    }
}

impl Factors for RowDraws {
    #[inline(always)]
    fn factor(self, column: usize) -> f32 {
        RowDraws::factor(self, column)
    }
}

wide! {
    /// Turns scores into weights that are still to be divided by their row's sum, in `shares` one
    /// over it; `log_sums` are the logarithms of the sums of exponentials of the scaled scores.
    pub(super) fn soften(
        scores: &mut [f32],
        shares: &mut [f32],
        log_sums: &mut [f32],
        block: Block,
    ) {
        for (row, scores) in scores.chunks_exact_mut(block.keys).enumerate() {
            let sum = match block.draws(row) {
                None => soften_row(scores, row, block, AllKept),
                Some(draws) => soften_row(scores, row, block, draws),
            };
            shares[row] = 1.0 / sum.of_exponentials;
            log_sums[row] = sum.largest + sum.of_exponentials.ln();
        }
    }

    /// Turns scores into weights and `dweights`, the gradient for the weights after dropout, into
    /// the gradient for the products of queries and keys.
    pub(super) fn soften_backward(
        scores: &mut [f32],
        dweights: &mut [f32],
        log_sums: &[f32],
        block: Block,
    ) {
        let rows = scores
            .chunks_exact_mut(block.keys)
            .zip(dweights.chunks_exact_mut(block.keys));
        for (row, (scores, dweights)) in rows.enumerate() {
            match block.draws(row) {
                None => soften_row_backward(scores, dweights, log_sums[row], row, block, AllKept),
                Some(draws) => {
                    soften_row_backward(scores, dweights, log_sums[row], row, block, draws);
                }
            }
        }
    }
}

struct Sum {
    largest: f32,
    of_exponentials: f32,
}

#[inline(always)]
fn soften_row(scores: &mut [f32], row: usize, block: Block, factors: impl Factors) -> Sum {
    let scale = block.scale;
    scores[block.seen(row)..].fill(f32::NEG_INFINITY);
    let (met, future) = scores.split_at_mut(block.met(row));
    future.fill(0.0);
    let largest = largest(met) * scale;
    let of_exponentials = sum_with(met, [], |column, score, []| {
        let exponential = exp(score.mul_add(scale, -largest));
        *score = exponential * factors.factor(column);
        exponential
    });
    Sum {
        largest,
        of_exponentials,
    }
}

#[inline(always)]
fn soften_row_backward(
    scores: &mut [f32],
    dweights: &mut [f32],
    log_sum: f32,
    row: usize,
    block: Block,
    factors: impl Factors,
) {
    let scale = block.scale;
    scores[block.seen(row)..].fill(f32::NEG_INFINITY);
    // What the future would have said is no number to count on, and is multiplied with zero below.
    dweights[block.seen(row)..].fill(0.0);
    let (scores, future) = scores.split_at_mut(block.met(row));
    future.fill(0.0);
    let dweights = &mut dweights[..scores.len()];
    // The gradient of softmax is w (dw - <w, dw>).
    let common = sum_with(scores, [dweights], |column, score, [dweight]| {
        let weight = exp(score.mul_add(scale, -log_sum));
        *score = weight;
        weight * factors.factor(column) * dweight
    });
    for (column, (weight, dweight)) in scores.iter_mut().zip(dweights).enumerate() {
        let factor = factors.factor(column);
        *dweight = *weight * factor.mul_add(*dweight, -common) * scale;
        *weight *= factor;
    }
}
