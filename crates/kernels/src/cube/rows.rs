//! Moving rows. An index of T or more means a row without a token.

use burn::{
    backend::TensorMetadata,
    tensor::{DType, Shape},
};
use burn_cubecl::{CubeBackend, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    UNITS, cubes, cubes_for_elements, element, empty, floats, indices, reshaped,
    sorting::{RowsByToken, rows_by_token},
    zeros,
};
use crate::extension::{RowGradients, RowOps};

/// Rows that one unit sums at least before a token's rows are divided among several.
const ROWS_PER_PART: usize = 64;

/// Parts that a token's rows are divided into at most.
const MAX_PARTS: usize = 256;

/// Units that share the dot product of one row.
const LANES: usize = 32;

impl RowOps for CubeBackend {
    fn pack_op(x: CubeTensor, rows: CubeTensor) -> CubeTensor {
        let dtype = x.dtype;
        let (x, rows) = (floats(x, dtype), indices(rows));
        let [tokens, width] = x.shape().dims();
        let [packed] = rows.shape().dims();
        if tokens * width == 0 {
            return zeros(&x, [packed, width], dtype);
        }
        let out = empty(&x, [packed, width], dtype);
        if packed == 0 {
            return out;
        }
        let client = x.client.clone();
        let (count, dim) = cubes_for_elements(&client, packed * width);
        copy_rows::launch(
            &client,
            count,
            dim,
            x.into_tensor_arg(),
            rows.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            element(dtype),
        );
        out
    }

    fn combine_op(y: CubeTensor, rows: CubeTensor, gates: CubeTensor, tokens: usize) -> CubeTensor {
        let dtype = y.dtype;
        let (y, rows, gates) = (floats(y, dtype), indices(rows), floats(gates, DType::F32));
        let [packed, width] = y.shape().dims();
        if packed * width * tokens == 0 {
            return zeros(&y, [tokens, width], dtype);
        }
        let RowsByToken { order, starts } = rows_by_token(&rows, tokens);
        // Known from the shapes: on average, how far a token's rows are worth dividing.
        let parts = (packed / tokens / ROWS_PER_PART).clamp(1, MAX_PARTS);
        let partial = if parts == 1 { dtype } else { DType::F32 };
        let sums = empty(&y, [tokens, parts, width], partial);
        let client = y.client.clone();
        let (count, dim) = cubes_for_elements(&client, tokens * parts * width);
        sum_rows::launch(
            &client,
            count,
            dim,
            y.clone().into_tensor_arg(),
            order.into_tensor_arg(),
            starts.into_tensor_arg(),
            gates.into_tensor_arg(),
            sums.clone().into_tensor_arg(),
            element(dtype),
            element(partial),
        );
        if parts == 1 {
            return reshaped(sums, Shape::new([tokens, width]));
        }
        let out = empty(&y, [tokens, width], dtype);
        let (count, dim) = cubes_for_elements(&client, tokens * width);
        sum_parts::launch(
            &client,
            count,
            dim,
            sums.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            element(dtype),
        );
        out
    }
}

impl RowGradients for CubeBackend {
    fn pack_weighted_op(x: CubeTensor, rows: CubeTensor, gates: CubeTensor) -> CubeTensor {
        let dtype = x.dtype;
        let (x, rows, gates) = (floats(x, dtype), indices(rows), floats(gates, DType::F32));
        let [tokens, width] = x.shape().dims();
        let [packed] = rows.shape().dims();
        if tokens * width == 0 {
            return zeros(&x, [packed, width], dtype);
        }
        let out = empty(&x, [packed, width], dtype);
        if packed == 0 {
            return out;
        }
        let client = x.client.clone();
        let (count, dim) = cubes_for_elements(&client, packed * width);
        copy_rows_weighted::launch(
            &client,
            count,
            dim,
            x.into_tensor_arg(),
            rows.into_tensor_arg(),
            gates.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            element(dtype),
        );
        out
    }

    fn row_dots_op(y: CubeTensor, x: CubeTensor, rows: CubeTensor) -> CubeTensor {
        let dtype = y.dtype;
        let (y, x, rows) = (floats(y, dtype), floats(x, dtype), indices(rows));
        let [packed, width] = y.shape().dims();
        let [tokens, _] = x.shape().dims();
        if tokens * width == 0 {
            return zeros(&y, [packed], dtype);
        }
        let out = empty(&y, [packed], dtype);
        if packed == 0 {
            return out;
        }
        let client = y.client.clone();
        dot_rows::launch(
            &client,
            cubes(&client, packed.div_ceil(UNITS / LANES)),
            CubeDim::new_2d(LANES as u32, (UNITS / LANES) as u32),
            y.into_tensor_arg(),
            x.into_tensor_arg(),
            rows.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            LANES,
            UNITS / LANES,
            element(dtype),
        );
        out
    }
}

#[cube(launch)]
fn copy_rows<F: Float>(
    x: &Tensor<F>,
    rows: &Tensor<i32>,
    out: &mut Tensor<F>,
    #[define(F)] _dtype: ElemType,
) {
    let width = out.shape(1);
    let row = ABSOLUTE_POS / width;
    if row >= out.shape(0) {
        terminate!();
    }
    let token = rows[row];
    let mut value = F::new(0.0_f32);
    if token >= 0 && token < x.shape(0) as i32 {
        value = x[token as usize * width + ABSOLUTE_POS % width];
    }
    out[ABSOLUTE_POS] = value;
}

#[cube(launch)]
fn copy_rows_weighted<F: Float>(
    x: &Tensor<F>,
    rows: &Tensor<i32>,
    gates: &Tensor<f32>,
    out: &mut Tensor<F>,
    #[define(F)] _dtype: ElemType,
) {
    let width = out.shape(1);
    let row = ABSOLUTE_POS / width;
    if row >= out.shape(0) {
        terminate!();
    }
    let token = rows[row];
    let mut value = F::new(0.0_f32);
    if token >= 0 && token < x.shape(0) as i32 {
        let x = f32::cast_from(x[token as usize * width + ABSOLUTE_POS % width]);
        value = F::cast_from(gates[row] * x);
    }
    out[ABSOLUTE_POS] = value;
}

/// One unit per element of `[T, parts, D]`: a part of the token's rows, in their order.
#[cube(launch)]
fn sum_rows<F: Float, P: Float>(
    y: &Tensor<F>,
    order: &Tensor<i32>,
    starts: &Tensor<i32>,
    gates: &Tensor<f32>,
    sums: &mut Tensor<P>,
    #[define(F)] _dtype: ElemType,
    #[define(P)] _partial: ElemType,
) {
    let parts = sums.shape(1);
    let width = sums.shape(2);
    let group = ABSOLUTE_POS / width;
    let token = group / parts;
    if token >= sums.shape(0) {
        terminate!();
    }
    let first = starts[token] as usize;
    let last = starts[token + 1] as usize;
    let share = (last - first + parts - 1) / parts;
    let from = first + (group % parts) * share;
    let mut to = from + share;
    if to > last {
        to = last;
    }
    let column = ABSOLUTE_POS % width;
    let mut sum = 0.0f32;
    let mut place = from;
    while place < to {
        let row = order[place] as usize;
        sum += gates[row] * f32::cast_from(y[row * width + column]);
        place += 1;
    }
    sums[ABSOLUTE_POS] = P::cast_from(sum);
}

/// One unit per element of `[T, D]`: the parts, in their order.
#[cube(launch)]
fn sum_parts<F: Float>(sums: &Tensor<f32>, out: &mut Tensor<F>, #[define(F)] _dtype: ElemType) {
    let parts = sums.shape(1);
    let width = sums.shape(2);
    let token = ABSOLUTE_POS / width;
    if token >= out.shape(0) {
        terminate!();
    }
    let mut sum = 0.0f32;
    for part in 0..parts {
        sum += sums[(token * parts + part) * width + ABSOLUTE_POS % width];
    }
    out[ABSOLUTE_POS] = F::cast_from(sum);
}

/// `lanes` units per row, each with every `lanes`-th product; the first adds theirs up.
#[cube(launch)]
fn dot_rows<F: Float>(
    y: &Tensor<F>,
    x: &Tensor<F>,
    rows: &Tensor<i32>,
    out: &mut Tensor<F>,
    #[comptime] lanes: usize,
    #[comptime] per_cube: usize,
    #[define(F)] _dtype: ElemType,
) {
    let width = y.shape(1);
    let packed = out.shape(0);
    let lane = UNIT_POS_X as usize;
    let local = UNIT_POS_Y as usize;
    let row = CUBE_POS * per_cube + local;
    let mut sums = Shared::<[f32]>::new_slice(lanes * per_cube);
    let mut sum = 0.0f32;
    if row < packed {
        let token = rows[row];
        if token >= 0 && token < x.shape(0) as i32 {
            let mut column = lane;
            while column < width {
                let a = f32::cast_from(y[row * width + column]);
                let b = f32::cast_from(x[token as usize * width + column]);
                sum += a * b;
                column += lanes;
            }
        }
    }
    sums[local * lanes + lane] = sum;
    sync_cube();

    if lane == 0 && row < packed {
        let mut all = 0.0f32;
        for i in 0..lanes {
            all += sums[local * lanes + i];
        }
        out[row] = F::cast_from(all);
    }
}
