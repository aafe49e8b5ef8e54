//! Products with matrices of four bits: tiles as in `grouped`, whose strips are written out from words.

use burn::{backend::TensorMetadata, tensor::DType};
use burn_cubecl::{CubeBackend, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    cubes, element, empty, floats,
    grouped::{spot, tiles_of_rows},
    indices,
    tile::{DEPTH, PITCH, Side, TILE, UNITS, accumulate, fill, patch, store},
    zeros,
};
use crate::{
    extension::{Int4Manner, Int4Ops},
    int4::PER_WORD,
};

impl Int4Ops for CubeBackend {
    fn int4_matmul_op(
        x: CubeTensor,
        words: CubeTensor,
        scales: CubeTensor,
        zero_points: CubeTensor,
        groups: CubeTensor,
        offsets: CubeTensor,
        manner: Int4Manner,
    ) -> CubeTensor {
        let dtype = x.dtype;
        let (x, words) = (floats(x, dtype), indices(words));
        let scales = floats(scales, DType::F32);
        let zero_points = floats(zero_points, DType::F32);
        let (groups, offsets) = (indices(groups), indices(offsets));
        let [rows, inner] = x.shape().dims();
        let [_, word_rows, outputs] = words.shape().dims();
        let outer = if manner.transposed {
            word_rows * PER_WORD
        } else {
            outputs
        };
        if rows * inner * outer == 0 {
            return zeros(&x, [rows, outer], dtype);
        }
        let one_zero = zero_points.shape().num_elements() == 1;
        let client = x.client.clone();
        let out = empty(&x, [rows, outer], dtype);
        let (map, tiles) = tiles_of_rows(offsets, rows);
        multiply_packed::launch(
            &client,
            cubes(&client, tiles * outer.div_ceil(TILE)),
            CubeDim::new_1d(UNITS as u32),
            x.into_tensor_arg(),
            words.into_tensor_arg(),
            scales.into_tensor_arg(),
            zero_points.into_tensor_arg(),
            groups.into_tensor_arg(),
            map.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            manner.transposed,
            one_zero,
            element(dtype),
        );
        out
    }
}

/// One cube per tile of rows and tile of columns.
#[cube(launch)]
fn multiply_packed<F: Float>(
    x: &Tensor<F>,
    words: &Tensor<i32>,
    scales: &Tensor<f32>,
    zero_points: &Tensor<f32>,
    groups: &Tensor<i32>,
    map: &Tensor<i32>,
    out: &mut Tensor<F>,
    #[comptime] transposed: bool,
    #[comptime] one_zero: bool,
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
    let expert = spot.whose as usize;
    // Rows of nobody are zero: a product of no depth.
    let mut depth = inner;
    if expert >= words.shape(0) {
        depth = 0usize;
    }
    let rows = Side {
        start: first * inner,
        line: inner,
        step: 1usize,
        lines: end - first,
    };
    let mut x_strip = Shared::<[f32]>::new_slice(DEPTH * PITCH);
    let mut w_strip = Shared::<[f32]>::new_slice(DEPTH * PITCH);
    let mut sums = patch();
    let mut at = 0usize;
    while at < depth {
        fill::<F>(x, &mut x_strip, &rows, at, depth, true);
        let unit = UNIT_POS as usize;
        #[unroll]
        for i in 0..TILE * DEPTH / UNITS {
            let place = i * UNITS + unit;
            // Neighbours read neighbouring words: outputs lie side by side.
            let mut line = place % TILE;
            let mut step = place / TILE;
            if transposed {
                line = place / DEPTH;
                step = place % DEPTH;
            }
            let mut value = 0.0f32;
            if column + line < outer && at + step < depth {
                let mut input = at + step;
                let mut output = column + line;
                if transposed {
                    input = column + line;
                    output = at + step;
                }
                value = number(
                    words,
                    scales,
                    zero_points,
                    groups,
                    expert,
                    input,
                    output,
                    one_zero,
                );
            }
            w_strip[step * PITCH + line] = value;
        }
        sync_cube();
        accumulate(&x_strip, &w_strip, &mut sums);
        sync_cube();
        at += DEPTH;
    }
    store::<F>(
        &sums,
        out,
        first * outer + column,
        outer,
        end - first,
        outer - column,
    );
}

/// `W[expert, input, output]`.
#[cube]
fn number(
    words: &Tensor<i32>,
    scales: &Tensor<f32>,
    zero_points: &Tensor<f32>,
    groups: &Tensor<i32>,
    expert: usize,
    input: usize,
    output: usize,
    #[comptime] one_zero: bool,
) -> f32 {
    let outputs = words.shape(2);
    let word = words[(expert * words.shape(1) + input / PER_WORD) * outputs + output];
    let level = (word >> ((input % PER_WORD) * 4) as i32) & 15;
    // One row of groups may serve all experts.
    let mut row = expert;
    if groups.shape(0) == 1 {
        row = 0usize;
    }
    let group = groups[row * groups.shape(1) + input] as usize;
    let place = (expert * scales.shape(1) + group) * outputs + output;
    let mut of_zero = place;
    if one_zero {
        of_zero = 0usize;
    }
    (f32::cast_from(level) - zero_points[of_zero]) * scales[place]
}
