//! Matrix products per group of rows, in tiles.
//!
//! How many tiles a group has is known on the device alone, so as many are launched as there could
//! be: every group has at most one that is not full. A small kernel first writes down whose each
//! tile is.

use burn::{backend::TensorMetadata, tensor::DType};
use burn_cubecl::{CubeBackend, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    cubes, cubes_for_elements, element, empty, floats, indices,
    tile::{Side, TILE, UNITS, product, store},
    zeros,
};
use crate::Precision;
use crate::extension::{GroupedGradients, GroupedOps};

/// Numbers that describe a tile: its group, its first row and the end of the group.
const TILE_FIELDS: usize = 3;

impl GroupedOps for CubeBackend {
    fn grouped_matmul_op(
        x: CubeTensor,
        w: CubeTensor,
        offsets: CubeTensor,
        _: Precision,
    ) -> CubeTensor {
        let [_, _, outer] = w.shape().dims();
        rows_by_matrices(x, w, offsets, outer, false)
    }

    fn grouped_matmul_transposed_op(
        x: CubeTensor,
        w: CubeTensor,
        offsets: CubeTensor,
        _: Precision,
    ) -> CubeTensor {
        let [_, inner, _] = w.shape().dims();
        rows_by_matrices(x, w, offsets, inner, true)
    }
}

impl GroupedGradients for CubeBackend {
    fn grouped_matmul_dw_op(
        x: CubeTensor,
        dy: CubeTensor,
        offsets: CubeTensor,
        _: Precision,
    ) -> CubeTensor {
        let dtype = x.dtype;
        let (x, dy, offsets) = (floats(x, dtype), floats(dy, dtype), indices(offsets));
        let [rows, inner] = x.shape().dims();
        let [_, outer] = dy.shape().dims();
        let [bounds] = offsets.shape().dims();
        let experts = bounds - 1;
        if rows * inner * outer == 0 {
            return zeros(&x, [experts, inner, outer], dtype);
        }
        let out = empty(&x, [experts, inner, outer], dtype);
        let client = x.client.clone();
        let tiles = experts * inner.div_ceil(TILE) * outer.div_ceil(TILE);
        outer_products::launch(
            &client,
            cubes(&client, tiles),
            CubeDim::new_1d(UNITS as u32),
            x.into_tensor_arg(),
            dy.into_tensor_arg(),
            offsets.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            element(dtype),
        );
        out
    }
}

/// Each group's rows by the group's matrix, stored `[E, inner, outer]`, or transposed if so said.
/// Rows outside every group are zero.
fn rows_by_matrices(
    x: CubeTensor,
    w: CubeTensor,
    offsets: CubeTensor,
    outer: usize,
    transposed: bool,
) -> CubeTensor {
    let dtype = x.dtype;
    let (x, w, offsets) = (floats(x, dtype), floats(w, dtype), indices(offsets));
    let [rows, inner] = x.shape().dims();
    if rows * inner * outer == 0 {
        return zeros(&x, [rows, outer], dtype);
    }
    let client = x.client.clone();
    let out = empty(&x, [rows, outer], dtype);
    let (map, tiles) = tiles_of_rows(offsets, rows);
    multiply_rows::launch(
        &client,
        cubes(&client, tiles * outer.div_ceil(TILE)),
        CubeDim::new_1d(UNITS as u32),
        x.into_tensor_arg(),
        w.into_tensor_arg(),
        map.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        transposed,
        element(dtype),
    );
    out
}

/// Whose each tile of rows is, and how many tiles there are at most.
pub(super) fn tiles_of_rows(offsets: CubeTensor, rows: usize) -> (CubeTensor, usize) {
    // The rows of nobody are a group too, after the others.
    let [groups] = offsets.shape().dims();
    let tiles = rows.div_ceil(TILE) + groups;
    let map = empty(&offsets, [tiles, TILE_FIELDS], DType::I32);
    let client = offsets.client.clone();
    let (count, dim) = cubes_for_elements(&client, tiles);
    assign_tiles::launch(
        &client,
        count,
        dim,
        offsets.into_tensor_arg(),
        map.clone().into_tensor_arg(),
        rows as u32,
    );
    (map, tiles)
}

/// One unit per tile: walks the groups until it meets its own. A tile of no group gets -1.
#[cube(launch)]
fn assign_tiles(offsets: &Tensor<i32>, map: &mut Tensor<i32>, rows: u32) {
    let tile = ABSOLUTE_POS;
    if tile >= map.shape(0) {
        terminate!();
    }
    let experts = offsets.shape(0) - 1;
    let mut whose = i32::new(-1);
    let mut first = 0i32;
    let mut end = 0i32;
    let mut passed = 0usize;
    for group in 0..experts + 1 {
        let from = offsets[group];
        let mut to = rows as i32;
        if group < experts {
            to = offsets[group + 1];
        }
        let here = ((to - from) as usize + TILE - 1) / TILE;
        if tile >= passed && tile < passed + here {
            whose = group as i32;
            first = from + ((tile - passed) * TILE) as i32;
            end = to;
        }
        passed += here;
    }
    map[tile * TILE_FIELDS] = whose;
    map[tile * TILE_FIELDS + 1] = first;
    map[tile * TILE_FIELDS + 2] = end;
}

/// Where a cube's tile of a result is.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Spot {
    /// Its group, or -1 where there is nothing to do.
    pub(super) whose: i32,
    /// Its first row, and the end of the group.
    pub(super) first: usize,
    pub(super) end: usize,
    /// Its first column.
    pub(super) column: usize,
}

/// The tile of this cube, of a result that is `outer` wide.
#[cube]
pub(super) fn spot(map: &Tensor<i32>, outer: usize) -> Spot {
    let across = (outer + TILE - 1) / TILE;
    let tile = CUBE_POS / across;
    let mut spot = Spot {
        whose: -1i32,
        first: 0usize,
        end: 0usize,
        column: (CUBE_POS % across) * TILE,
    };
    if tile < map.shape(0) {
        spot.whose = map[tile * TILE_FIELDS];
        spot.first = map[tile * TILE_FIELDS + 1] as usize;
        spot.end = map[tile * TILE_FIELDS + 2] as usize;
    }
    spot
}

/// One cube per tile of rows and tile of columns.
#[cube(launch)]
fn multiply_rows<F: Float>(
    x: &Tensor<F>,
    w: &Tensor<F>,
    map: &Tensor<i32>,
    out: &mut Tensor<F>,
    #[comptime] transposed: bool,
    #[define(F)] _dtype: ElemType,
) {
    let inner = x.shape(1);
    let outer = out.shape(1);
    let spot = spot(map, outer);
    if spot.whose < 0 {
        terminate!();
    }
    let first = spot.first;
    let end = spot.end;
    let column = spot.column;
    let group = spot.whose as usize;
    // Rows of nobody are zero: a product of no depth.
    let mut depth = inner;
    if group >= w.shape(0) {
        depth = 0usize;
    }
    let rows = Side {
        start: first * inner,
        line: inner,
        step: 1usize,
        lines: end - first,
    };
    let matrix = group * inner * outer;
    let mut columns = Side {
        start: matrix + column,
        line: 1usize,
        step: outer,
        lines: outer - column,
    };
    if transposed {
        columns.start = matrix + column * inner;
        columns.line = inner;
        columns.step = 1usize;
    }
    let sums = product::<F>(x, w, &rows, &columns, depth, true, transposed);
    store::<F>(
        &sums,
        out,
        first * outer + column,
        outer,
        end - first,
        outer - column,
    );
}

/// One cube per tile of a group's matrix: `x^T dy` over its rows.
#[cube(launch)]
fn outer_products<F: Float>(
    x: &Tensor<F>,
    dy: &Tensor<F>,
    offsets: &Tensor<i32>,
    out: &mut Tensor<F>,
    #[define(F)] _dtype: ElemType,
) {
    let inner = out.shape(1);
    let outer = out.shape(2);
    let across = (outer + TILE - 1) / TILE;
    let down = (inner + TILE - 1) / TILE;
    let group = CUBE_POS / (across * down);
    if group >= out.shape(0) {
        terminate!();
    }
    let row = ((CUBE_POS / across) % down) * TILE;
    let column = (CUBE_POS % across) * TILE;
    let first = offsets[group] as usize;
    let end = offsets[group + 1] as usize;
    let rows = Side {
        start: first * inner + row,
        line: 1usize,
        step: inner,
        lines: inner - row,
    };
    let columns = Side {
        start: first * outer + column,
        line: 1usize,
        step: outer,
        lines: outer - column,
    };
    let sums = product::<F>(x, dy, &rows, &columns, end - first, false, false);
    store::<F>(
        &sums,
        out,
        group * inner * outer + row * outer + column,
        outer,
        inner - row,
        outer - column,
    );
}
