//! One tile of a matrix product, by one cube: strips of both factors pass through shared memory,
//! each unit keeps a patch of the result in registers. Factors of any float type, sums in f32.

use cubecl::prelude::*;

/// Rows and columns of a tile.
pub(super) const TILE: usize = 64;

/// Units of a cube that makes a tile.
pub(super) const UNITS: usize = 128;

/// Products that a strip is deep.
pub(super) const DEPTH: usize = 16;

/// Rows and columns of a unit's patch: 8 x 16 units cover the tile.
const PATCH_ROWS: usize = 8;
const PATCH_COLUMNS: usize = 4;
const UNITS_ACROSS: usize = TILE / PATCH_COLUMNS;

/// The distance between the steps of a strip in shared memory: a little over a tile, so that units
/// that write neighbouring steps of one line do not meet in a memory bank.
pub(super) const PITCH: usize = TILE + 4;

/// One factor as the tile sees it: `lines` rows (or columns) that begin at `start`, `line` elements
/// apart; the next element to multiply is `step` further.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Side {
    pub(super) start: usize,
    pub(super) line: usize,
    pub(super) step: usize,
    pub(super) lines: usize,
}

/// The patch of this unit in `a * b` over `depth` products. Whether the elements to multiply are
/// neighbours in memory, per factor, decides which unit reads what.
#[cube]
pub(super) fn product<F: Float>(
    a: &Tensor<F>,
    b: &Tensor<F>,
    rows: &Side,
    columns: &Side,
    depth: usize,
    #[comptime] a_steps_are_neighbours: bool,
    #[comptime] b_steps_are_neighbours: bool,
) -> Array<f32> {
    let mut a_strip = Shared::<[f32]>::new_slice(DEPTH * PITCH);
    let mut b_strip = Shared::<[f32]>::new_slice(DEPTH * PITCH);
    let mut sums = patch();
    let mut at = 0usize;
    while at < depth {
        fill::<F>(a, &mut a_strip, rows, at, depth, a_steps_are_neighbours);
        fill::<F>(b, &mut b_strip, columns, at, depth, b_steps_are_neighbours);
        sync_cube();
        accumulate(&a_strip, &b_strip, &mut sums);
        sync_cube();
        at += DEPTH;
    }
    sums
}

/// The sums of a unit's patch, none added yet.
#[cube]
pub(super) fn patch() -> Array<f32> {
    let mut sums = Array::<f32>::new(PATCH_ROWS * PATCH_COLUMNS);
    #[unroll]
    for i in 0..PATCH_ROWS * PATCH_COLUMNS {
        sums[i] = 0.0f32;
    }
    sums
}

/// Adds the product of two strips to the patch of this unit.
#[cube]
pub(super) fn accumulate(a_strip: &Shared<[f32]>, b_strip: &Shared<[f32]>, sums: &mut Array<f32>) {
    let unit = UNIT_POS as usize;
    let row = (unit / UNITS_ACROSS) * PATCH_ROWS;
    let column = (unit % UNITS_ACROSS) * PATCH_COLUMNS;
    for k in 0..DEPTH {
        let mut lines = Array::<f32>::new(PATCH_ROWS);
        #[unroll]
        for i in 0..PATCH_ROWS {
            lines[i] = a_strip[k * PITCH + row + i];
        }
        #[unroll]
        for j in 0..PATCH_COLUMNS {
            let factor = b_strip[k * PITCH + column + j];
            #[unroll]
            for i in 0..PATCH_ROWS {
                sums[i * PATCH_COLUMNS + j] += lines[i] * factor;
            }
        }
    }
}

/// Reads one strip; what lies outside the lines or the depth is zero, whatever memory holds there.
#[cube]
pub(super) fn fill<F: Float>(
    from: &Tensor<F>,
    strip: &mut Shared<[f32]>,
    side: &Side,
    at: usize,
    depth: usize,
    #[comptime] steps_are_neighbours: bool,
) {
    let unit = UNIT_POS as usize;
    #[unroll]
    for i in 0..TILE * DEPTH / UNITS {
        let place = i * UNITS + unit;
        let mut line = place % TILE;
        let mut step = place / TILE;
        if steps_are_neighbours {
            line = place / DEPTH;
            step = place % DEPTH;
        }
        let mut value = 0.0f32;
        if line < side.lines && at + step < depth {
            value = f32::cast_from(from[side.start + line * side.line + (at + step) * side.step]);
        }
        strip[step * PITCH + line] = value;
    }
}

/// Writes the patches of all units to a tile that begins at `start`, as far as it is inside.
#[cube]
pub(super) fn store<F: Float>(
    sums: &Array<f32>,
    out: &mut Tensor<F>,
    start: usize,
    width: usize,
    rows: usize,
    columns: usize,
) {
    let unit = UNIT_POS as usize;
    let row = (unit / UNITS_ACROSS) * PATCH_ROWS;
    let column = (unit % UNITS_ACROSS) * PATCH_COLUMNS;
    #[unroll]
    for i in 0..PATCH_ROWS {
        #[unroll]
        for j in 0..PATCH_COLUMNS {
            if row + i < rows && column + j < columns {
                out[start + (row + i) * width + column + j] =
                    F::cast_from(sums[i * PATCH_COLUMNS + j]);
            }
        }
    }
}
