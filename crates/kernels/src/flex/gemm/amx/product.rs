//! The loops around the kernel.

use std::{
    arch::x86_64::{_mm512_load_ps, _mm512_stream_ps},
    cell::Cell,
};

use rayon::prelude::*;

use super::{
    super::{Finish, Map, Product, Threads, scratch::Scratch},
    pack::{DEPTH, Factor, LINES, Near, Side, panel},
    span::Span,
    stage::{Stage, panels_together},
    tile::{Block, Tile, Unit},
};
use crate::{
    Precision,
    flex::{far, gelu},
};

/// Tiles of the held factor: 1.5 MB, which leaves room in a second-level cache of 2 MB.
const HELD_TILES: usize = 1536;

/// Tiles behind the last panel, because the kernel loads a step ahead.
const SLACK: usize = 6;

/// Whether a product is large enough to be worth its packing.
pub(in super::super) fn pays(rows: usize, columns: usize, depth: usize) -> bool {
    rows.min(columns) >= 8 && depth >= 8 && rows * columns * depth >= 1 << 15
}

/// `out = finish(map(a) * b)` or `out += map(a) * b`; `out` is valid for `rows * columns` elements, which
/// are the caller's alone and initialised if `add`.
pub(in super::super) fn run(product: &Product<'_>, out: *mut f32, add: bool, threads: Threads) {
    match product.precision {
        Precision::F32 => Loops::<3>::new(product, out, add, threads).run(),
        Precision::BF16 => Loops::<1>::new(product, out, add, threads).run(),
    }
}

struct Loops<'a, const TERMS: usize> {
    product: &'a Product<'a>,
    out: Out,
    add: bool,
    threads: Threads,
    /// The factor with fewer lines.
    held: Factor<'a>,
    passing: Factor<'a>,
    /// Depths that are multiplied in one go.
    depth: usize,
    /// Whether blocks are written past the caches.
    far: bool,
}

/// Where results go. Blocks of different panels do not overlap, so threads may share it.
#[derive(Clone, Copy)]
struct Out(*mut f32);

// SAFETY: each thread writes the blocks of its own panels only.
#[expect(unsafe_code, reason = "threads write disjoint blocks of one matrix")]
unsafe impl Send for Out {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "threads write disjoint blocks of one matrix")]
unsafe impl Sync for Out {}

impl<'a, const TERMS: usize> Loops<'a, TERMS> {
    fn new(product: &'a Product<'a>, out: *mut f32, add: bool, threads: Threads) -> Self {
        let (left, right) = (Factor::left(product.a), Factor::right(product.b));
        let (held, passing) = if left.lines < right.lines {
            (left, right)
        } else {
            (right, left)
        };
        // A panel of 32 lines stays near the first-level cache: 48 KB of three terms, 32 of one.
        let longest = if TERMS == 1 { 512 } else { 256 };
        let pieces = held.depth.div_ceil(longest);
        let depth = held.depth.div_ceil(pieces).next_multiple_of(DEPTH);
        Self {
            product,
            out: Out(out),
            add,
            threads,
            held,
            passing,
            depth,
            // Sums that are added to are read again at once.
            far: !add && pieces == 1 && product.whole >= far::FAR,
        }
    }

    fn tiles_per_panel(&self) -> usize {
        self.depth / DEPTH * TERMS * 2
    }

    fn run(&self) {
        let room = (HELD_TILES / self.tiles_per_panel()).max(1) * LINES;
        let spans = self.held.lines.div_ceil(room);
        let lines = self.held.lines.div_ceil(spans).next_multiple_of(LINES);
        let mut packed = Scratch::take(&HELD);
        let packed = packed.first(lines / LINES * self.tiles_per_panel() + SLACK, Tile::ZERO);
        for first in (0..self.held.lines).step_by(lines) {
            let lines = Span {
                start: first,
                length: lines.min(self.held.lines - first),
            };
            for from in (0..self.held.depth).step_by(self.depth) {
                let depth = Span {
                    start: from,
                    length: self.depth.min(self.held.depth - from),
                };
                self.pack_held(packed, lines, depth);
                self.pass(packed, lines, depth);
            }
        }
    }

    fn pack_held(&self, packed: &mut [Tile], lines: Span, depth: Span) {
        let panels = lines.length.div_ceil(LINES);
        let packed = &mut packed[..panels * self.tiles_per_panel()];
        let together = panels_together(&self.held);
        let pack = |(number, tiles): (usize, &mut [Tile])| {
            let first = number * together * LINES;
            let some = Span {
                start: lines.start + first,
                length: (lines.length - first).min(together * LINES),
            };
            let mut stage = Stage::new(self.map_of(&self.held));
            let near = stage.load(&self.held, some, depth);
            for (number, tiles) in tiles.chunks_mut(self.tiles_per_panel()).enumerate() {
                pack::<TERMS>(tiles, &near, number * LINES);
            }
        };
        let together = together * self.tiles_per_panel();
        match self.threads {
            Threads::One => packed.chunks_mut(together).enumerate().for_each(pack),
            Threads::All => packed.par_chunks_mut(together).enumerate().for_each(pack),
        }
    }

    /// Lets all panels of the passing factor meet the held ones.
    fn pass(&self, held: &[Tile], lines: Span, depth: Span) {
        let panels = self.passing.lines.div_ceil(LINES);
        let together = panels_together(&self.passing);
        let some = |range: std::ops::Range<usize>| {
            let mut stage = Stage::new(self.map_of(&self.passing));
            let mut packed = Scratch::take(&PASSING);
            let packed = packed.first(self.tiles_per_panel() + SLACK, Tile::ZERO);
            let unit = Unit::configure();
            for number in range.clone().step_by(together) {
                let (first, last) = (number * LINES, (number + together).min(range.end) * LINES);
                let some = Span {
                    start: first,
                    length: last.min(self.passing.lines) - first,
                };
                let near = stage.load(&self.passing, some, depth);
                for line in (0..some.length).step_by(LINES) {
                    pack::<TERMS>(packed, &near, line);
                    self.meet(&unit, held, packed, lines, first + line, depth);
                }
            }
            if self.far {
                far::fence();
            }
        };
        match self.threads {
            Threads::One => some(0..panels),
            Threads::All => {
                let threads = rayon::current_num_threads();
                let share = panels
                    .div_ceil(4 * threads)
                    .max(together.min(panels.div_ceil(threads)));
                (0..panels.div_ceil(share))
                    .into_par_iter()
                    .with_max_len(1)
                    .for_each(|task| some(task * share..panels.min((task + 1) * share)));
            }
        }
    }

    /// One panel of the passing factor against every held one.
    fn meet(
        &self,
        unit: &Unit,
        held: &[Tile],
        passing: &[Tile],
        lines: Span,
        first: usize,
        depth: Span,
    ) {
        let ahead = if TERMS == 1 { 0 } else { SLACK };
        let tiles = depth.length.div_ceil(DEPTH) * TERMS * 2 + ahead;
        let mut block = Block([0.0; 1024]);
        for number in 0..lines.length.div_ceil(LINES) {
            let line = lines.start + number * LINES;
            let held = &held[number * self.tiles_per_panel()..][..tiles];
            let passing = &passing[..tiles];
            let (a, b, row, column) = match self.held.side {
                Side::Left => (held, passing, line, first),
                Side::Right => (passing, held, first, line),
            };
            if TERMS == 1 {
                unit.multiply_halves(a, b, &mut block);
            } else {
                unit.multiply_sums(a, b, &mut block);
            }
            // SAFETY: this chip has the vectors that the matrix unit presupposes.
            #[expect(unsafe_code, reason = "a function with target features")]
            unsafe {
                self.put(&mut block, row, column, depth);
            }
        }
    }

    /// Writes or adds a block's sums to the result; those that are complete are finished first.
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx2,fma")]
    fn put(&self, block: &mut Block, row: usize, column: usize, depth: Span) {
        let (rows, width) = (self.product.a.rows(), self.product.b.columns());
        let (rows, columns) = (LINES.min(rows - row), LINES.min(width - column));
        let start = |line: usize| (row + line) * width + column;
        if self.add || depth.start > 0 {
            for (line, sums) in block.0.chunks_exact_mut(LINES).take(rows).enumerate() {
                // SAFETY: the result has this part, which no other thread writes; it was written
                // by the depths before, or the caller said that it is initialised.
                #[expect(unsafe_code, reason = "a part of a matrix that threads share")]
                let there =
                    unsafe { std::slice::from_raw_parts(self.out.0.add(start(line)), columns) };
                add(&mut sums[..columns], there);
            }
        }
        if depth.start + depth.length == self.held.depth {
            self.finish(block, (row, rows), (column, columns), width);
        }
        for (line, sums) in block.0.chunks_exact(LINES).take(rows).enumerate() {
            // SAFETY: the result has this part, which no other thread writes; the block is
            // elsewhere.
            #[expect(unsafe_code, reason = "a part of a matrix that threads share")]
            unsafe {
                let out = self.out.0.add(start(line));
                if self.far && columns == LINES && out.addr().is_multiple_of(64) {
                    // Two whole lines of the cache each.
                    _mm512_stream_ps(out, _mm512_load_ps(sums.as_ptr()));
                    _mm512_stream_ps(out.add(16), _mm512_load_ps(sums.as_ptr().add(16)));
                } else {
                    out.copy_from_nonoverlapping(sums.as_ptr(), columns);
                }
            }
        }
    }

    /// Finishes the complete sums of a block, all at once: a function's tables are loaded once.
    #[inline(always)]
    fn finish(
        &self,
        block: &mut Block,
        (row, rows): (usize, usize),
        (column, columns): (usize, usize),
        width: usize,
    ) {
        match self.product.finish {
            Finish::Nothing => {}
            Finish::Bias(bias) => {
                for sums in block.0.chunks_exact_mut(LINES).take(rows) {
                    add(&mut sums[..columns], &bias[column..]);
                }
            }
            Finish::GeluSlope(x) => {
                let mut near = Block([0.0; 1024]);
                for (line, near) in near.0.chunks_exact_mut(LINES).take(rows).enumerate() {
                    let x = &x[(row + line) * width + column..][..columns];
                    near[..columns].copy_from_slice(x);
                }
                gelu::scale_by_slope(&near.0[..rows * LINES], &mut block.0[..rows * LINES]);
            }
        }
    }

    /// What is done to a factor's elements.
    fn map_of(&self, factor: &Factor<'_>) -> Map {
        match factor.side {
            Side::Left => self.product.map,
            Side::Right => Map::Identity,
        }
    }
}

/// Packs the panel of a staged factor that begins with this line.
fn pack<const TERMS: usize>(tiles: &mut [Tile], staged: &Near<'_>, line: usize) {
    // SAFETY: this chip has the vectors that the matrix unit presupposes.
    #[expect(unsafe_code, reason = "a function with target features")]
    unsafe {
        panel::<TERMS>(tiles, staged, line, 0, staged.depth);
    }
}

#[inline(always)]
fn add(sums: &mut [f32], more: &[f32]) {
    sums.iter_mut()
        .zip(more)
        .for_each(|(sum, more)| *sum += more);
}

thread_local! {
    static HELD: Cell<Vec<Tile>> = const { Cell::new(Vec::new()) };
    static PASSING: Cell<Vec<Tile>> = const { Cell::new(Vec::new()) };
}
