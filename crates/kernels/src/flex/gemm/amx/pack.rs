//! Factors as tiles of bf16 terms.
//!
//! A *line* is a row of the left factor or a column of the right one; both are multiplied along
//! their depth. A tile of the left factor has 16 lines of 16 pairs of depths; one of the right
//! factor has 16 pairs of depths of 16 lines. One is the transpose of the other in units of pairs,
//! so whichever way the elements lie in memory, they are read in whole vectors, cut into terms, and
//! transposed at the end or not.

use std::arch::x86_64::{
    __m256bh, __m256i, __m512, __m512bh, __m512i, __mmask16, _mm512_castsi512_ps,
    _mm512_castsi512_si256, _mm512_cvtepu16_epi32, _mm512_cvtne2ps_pbh, _mm512_cvtneps_pbh,
    _mm512_extracti64x4_epi64, _mm512_maskz_loadu_ps, _mm512_or_si512, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_slli_epi32, _mm512_store_si512,
    _mm512_sub_ps, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};

use super::{super::View, tile::Tile};
use crate::flex::values::Values;

/// Lines of a panel: two tiles.
pub(super) const LINES: usize = 32;
/// Depths of a tile.
pub(super) const DEPTH: usize = 32;

/// Which factor a panel is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// A factor, seen as lines along the depth.
#[derive(Clone, Copy)]
pub(super) struct Factor<'a> {
    values: Values<'a>,
    pub(super) lines: usize,
    pub(super) depth: usize,
    /// Elements from a line to the next.
    line: usize,
    /// Elements from a depth to the next.
    step: usize,
    pub(super) side: Side,
}

/// A part of a factor that was copied, in f32: run after run in the direction of the factor's own.
#[derive(Clone, Copy)]
pub(super) struct Near<'a> {
    values: &'a [f32],
    pub(super) lines: usize,
    pub(super) depth: usize,
    runs_along_depth: bool,
    side: Side,
}

impl<'a> Near<'a> {
    pub(super) fn new(factor: &Factor<'_>, values: &'a [f32], lines: usize, depth: usize) -> Self {
        Self {
            values,
            lines,
            depth,
            runs_along_depth: factor.runs_along_depth(),
            side: factor.side,
        }
    }

    /// The part of a run of elements that lie side by side: `count` of them from `(line, depth)`.
    fn run(&self, line: usize, depth: usize, count: usize) -> &'a [f32] {
        let first = if self.runs_along_depth {
            line * self.depth + depth
        } else {
            depth * self.lines + line
        };
        &self.values[first..][..count]
    }
}

impl<'a> Factor<'a> {
    pub(super) fn left(a: View<'a>) -> Self {
        Self {
            values: a.values(),
            lines: a.rows(),
            depth: a.columns(),
            line: a.row_stride(),
            step: a.column_stride(),
            side: Side::Left,
        }
    }

    pub(super) fn right(b: View<'a>) -> Self {
        Self {
            side: Side::Right,
            ..Self::left(b.transposed())
        }
    }

    /// Whether a line's depths lie side by side.
    pub(super) fn runs_along_depth(&self) -> bool {
        self.step == 1
    }

    /// Copies the part of a run of elements that lie side by side, from `(line, depth)` on, to all of
    /// `out`.
    pub(super) fn copy_run(&self, line: usize, depth: usize, out: &mut [f32]) {
        let first = line * self.line + depth * self.step;
        self.values.widen(first, out);
    }
}

/// Packs the lines from `first` on, at most 32, at `depth` depths from `from` on, into
/// `[depth / 32][term][half]` tiles; what is missing to full tiles is zero.
///
/// The chip must have AVX-512 with its bf16 conversions.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) fn panel<const TERMS: usize>(
    out: &mut [Tile],
    factor: &Near<'_>,
    first: usize,
    from: usize,
    depth: usize,
) {
    assert!(
        first < factor.lines && from + depth <= factor.depth,
        "a panel leaves its factor"
    );
    let transposes = factor.runs_along_depth == (factor.side == Side::Right);
    let blocks = out.chunks_exact_mut(2 * TERMS).take(depth.div_ceil(DEPTH));
    for (block, tiles) in blocks.enumerate() {
        let (from, depth) = (from + DEPTH * block, depth - DEPTH * block);
        for half in 0..2 {
            let first = first + 16 * half;
            let lines = factor.lines.saturating_sub(first).min(16);
            let mut terms = if factor.runs_along_depth {
                along_depth::<TERMS>(factor, first, lines, from, depth)
            } else {
                across_depth::<TERMS>(factor, first, lines, from, depth)
            };
            for (term, vectors) in terms.iter_mut().enumerate() {
                if transposes {
                    transpose(vectors);
                }
                store(vectors, &mut tiles[2 * term + half]);
            }
        }
    }
}

/// One vector of 16 pairs for each line.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
fn along_depth<const TERMS: usize>(
    factor: &Near<'_>,
    first: usize,
    lines: usize,
    from: usize,
    depth: usize,
) -> [[__m512i; 16]; TERMS] {
    let mut terms = [[_mm512_setzero_si512(); 16]; TERMS];
    let depth = depth.min(DEPTH);
    for line in 0..lines {
        let run = factor.run(first + line, from, depth);
        let (mut low, mut high) = match run.split_at_checked(16) {
            Some((low, high)) => (load(low), load(high)),
            None => (load(run), _mm512_setzero_ps()),
        };
        for (number, term) in terms.iter_mut().enumerate() {
            // SAFETY: both are 512 bits without invalid patterns.
            #[expect(unsafe_code, reason = "the same bits under another name")]
            let pairs =
                unsafe { std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low)) };
            term[line] = pairs;
            if number + 1 < TERMS {
                let upper = _mm512_extracti64x4_epi64::<1>(pairs);
                let widen = |half| {
                    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(half)))
                };
                low = _mm512_sub_ps(low, widen(_mm512_castsi512_si256(pairs)));
                high = _mm512_sub_ps(high, widen(upper));
            }
        }
    }
    terms
}

/// One vector of 16 lines for each pair of depths.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
fn across_depth<const TERMS: usize>(
    factor: &Near<'_>,
    first: usize,
    lines: usize,
    from: usize,
    depth: usize,
) -> [[__m512i; 16]; TERMS] {
    let mut terms = [[_mm512_setzero_si512(); 16]; TERMS];
    if lines == 0 {
        return terms;
    }
    for pair in 0..depth.min(DEPTH).div_ceil(2) {
        let mut even = load(factor.run(first, from + 2 * pair, lines));
        let mut odd = if 2 * pair + 1 < depth {
            load(factor.run(first, from + 2 * pair + 1, lines))
        } else {
            _mm512_setzero_ps()
        };
        for (number, term) in terms.iter_mut().enumerate() {
            let halves = |x| {
                // SAFETY: both are 256 bits without invalid patterns.
                #[expect(unsafe_code, reason = "the same bits under another name")]
                let bits =
                    unsafe { std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(x)) };
                _mm512_cvtepu16_epi32(bits)
            };
            let low = halves(even);
            let high = _mm512_slli_epi32::<16>(halves(odd));
            term[pair] = _mm512_or_si512(low, high);
            if number + 1 < TERMS {
                let low = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(low));
                even = _mm512_sub_ps(even, low);
                odd = _mm512_sub_ps(odd, _mm512_castsi512_ps(high));
            }
        }
    }
    terms
}

/// Up to 16 elements, the rest zero.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
fn load(run: &[f32]) -> __m512 {
    let mask: __mmask16 = if run.len() >= 16 {
        !0
    } else {
        (1 << run.len()) - 1
    };
    // SAFETY: only elements under the mask are read, and they are inside the slice.
    #[expect(unsafe_code, reason = "a vector load from a slice of checked length")]
    unsafe {
        _mm512_maskz_loadu_ps(mask, run.as_ptr())
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
fn store(vectors: &[__m512i; 16], tile: &mut Tile) {
    for (vector, row) in vectors.iter().zip(tile.0.chunks_exact_mut(16)) {
        // SAFETY: a row is 64 bytes long and, in a tile, aligned to 64.
        #[expect(unsafe_code, reason = "a vector store to a slice of exact length")]
        unsafe {
            _mm512_store_si512(row.as_mut_ptr().cast(), *vector);
        }
    }
}

/// Transposes 16 x 16 units of 32 bits: pairs, then fours, within quarters of the vectors; then the
/// quarters.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
fn transpose(rows: &mut [__m512i; 16]) {
    let mut pairs = [_mm512_setzero_si512(); 16];
    for i in (0..16).step_by(2) {
        pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    let mut fours = pairs;
    for i in (0..16).step_by(4) {
        fours[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
        fours[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
        fours[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        fours[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    // Quarter q of fours[4 i + c] now holds column 4 q + c of rows 4 i to 4 i + 3.
    for c in 0..4 {
        let [top, upper, lower, bottom] = [fours[c], fours[4 + c], fours[8 + c], fours[12 + c]];
        let top_left = _mm512_shuffle_i32x4::<0x44>(top, upper);
        let top_right = _mm512_shuffle_i32x4::<0xee>(top, upper);
        let bottom_left = _mm512_shuffle_i32x4::<0x44>(lower, bottom);
        let bottom_right = _mm512_shuffle_i32x4::<0xee>(lower, bottom);
        rows[c] = _mm512_shuffle_i32x4::<0x88>(top_left, bottom_left);
        rows[4 + c] = _mm512_shuffle_i32x4::<0xdd>(top_left, bottom_left);
        rows[8 + c] = _mm512_shuffle_i32x4::<0x88>(top_right, bottom_right);
        rows[12 + c] = _mm512_shuffle_i32x4::<0xdd>(top_right, bottom_right);
    }
}
