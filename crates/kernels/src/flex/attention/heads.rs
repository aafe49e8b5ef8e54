//! Where a head's rows lie in tensors that hold all heads side by side.

use crate::flex::gemm::View;

/// Sizes of a joint projection `[B, S, 3, H, dh]`.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) batch: usize,
    pub(super) sequence: usize,
    pub(super) heads: usize,
    pub(super) width: usize,
}

/// The three parts of a projection, in their order.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Query,
    Key,
    Value,
}

impl Layout {
    pub(super) fn new([batch, sequence, joint]: [usize; 3], heads: usize) -> Self {
        Self {
            batch,
            sequence,
            heads,
            width: joint / (3 * heads),
        }
    }

    /// Width of a row of mixed values.
    fn model(self) -> usize {
        self.heads * self.width
    }

    /// Multiplications and additions of a product of all heads' queries and the keys that they may see, as the
    /// scores are: half of a square.
    pub(super) fn product_flops(self) -> usize {
        self.batch * self.sequence * self.sequence * self.model()
    }

    pub(super) fn mixed_shape(self) -> [usize; 3] {
        [self.batch, self.sequence, self.model()]
    }

    pub(super) fn rows_shape(self) -> [usize; 3] {
        [self.batch, self.heads, self.sequence]
    }

    pub(super) fn scale(self) -> f32 {
        (self.width as f64).powf(-0.5) as f32
    }

    /// Rows `first..last` of one part of the projection of a head; heads count through the batch.
    pub(super) fn part(
        self,
        qkv: &[f32],
        head: usize,
        part: Part,
        first: usize,
        last: usize,
    ) -> View<'_> {
        let row = 3 * self.model();
        let column = part as usize * self.model() + head % self.heads * self.width;
        let start = (head / self.heads * self.sequence + first) * row + column;
        View::strided(&qkv[start..], last - first, self.width, row)
    }

    /// Rows `first..last` of a head of a tensor `[B, S, H, dh]`.
    pub(super) fn mixed(self, mixed: &[f32], head: usize, first: usize, last: usize) -> View<'_> {
        let row = self.model();
        let column = head % self.heads * self.width;
        let start = (head / self.heads * self.sequence + first) * row + column;
        View::strided(&mixed[start..], last - first, self.width, row)
    }

    /// Cuts `[B, S, columns, dh]` into the rows of each of `B * columns` columns, so that threads
    /// may write side by side.
    pub(super) fn columns(self, values: &mut [f32], columns: usize) -> Vec<Vec<&mut [f32]>> {
        let mut cut = Vec::with_capacity(self.batch * columns);
        for sequence in values.chunks_mut(self.sequence * columns * self.width) {
            let first = cut.len();
            cut.resize_with(first + columns, || Vec::with_capacity(self.sequence));
            for (place, row) in sequence.chunks_mut(self.width).enumerate() {
                cut[first + place % columns].push(row);
            }
        }
        cut
    }
}
