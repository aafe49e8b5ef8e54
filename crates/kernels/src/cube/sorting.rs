//! Stable radix sorts by eight bits a pass: rows by the token that they hold, and floats. They need
//! no atomics, so equals stay in their order every time.

use burn::{backend::TensorMetadata, tensor::DType};
use burn_cubecl::{CubeBackend, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    UNITS,
    counting::{Buckets, DIGITS, blocks, count, digit},
    cubes, cubes_for_elements, empty, floats,
};
use crate::extension::SortOps;

/// Row numbers `order[starts[t]..starts[t + 1]]` are those of token `t`, rising.
pub(super) struct RowsByToken {
    /// `[M]`; rows without a token stand behind all others.
    pub(super) order: CubeTensor,
    /// `[T + 1]`.
    pub(super) starts: CubeTensor,
}

/// Groups `rows` `[M]`, M above 0, by the tokens `0..tokens` that they hold.
pub(super) fn rows_by_token(rows: &CubeTensor, tokens: usize) -> RowsByToken {
    let client = rows.client.clone();
    let [length] = rows.shape().dims();
    let keys = empty(rows, [length], DType::I32);
    let (count, dim) = cubes_for_elements(&client, length);
    clip_rows::launch(
        &client,
        count,
        dim,
        rows.clone().into_tensor_arg(),
        keys.clone().into_tensor_arg(),
        tokens as i32,
    );
    let (keys, order) = sort(keys, None, bits(tokens));
    let starts = empty(rows, [tokens + 1], DType::I32);
    let (count, dim) = cubes_for_elements(&client, tokens + 1);
    find_starts::launch(
        &client,
        count,
        dim,
        keys.into_tensor_arg(),
        starts.clone().into_tensor_arg(),
    );
    RowsByToken { order, starts }
}

impl SortOps for CubeBackend {
    fn argsort_descending_op(values: CubeTensor) -> CubeTensor {
        let values = floats(values, DType::F32);
        let client = values.client.clone();
        let [rows, width] = values.shape().dims();
        let out = empty(&values, [rows, width], DType::I32);
        let length = rows * width;
        if length == 0 {
            return out;
        }
        let keys = empty(&values, [length], DType::I32);
        let (count, dim) = cubes_for_elements(&client, length);
        descending_keys::launch(
            &client,
            count.clone(),
            dim,
            values.into_tensor_arg(),
            keys.clone().into_tensor_arg(),
        );
        // By value over all rows, then by row: each row keeps the order of its values.
        let (keys, mut order) = sort(keys, None, 32);
        if rows > 1 {
            row_keys::launch(
                &client,
                count.clone(),
                dim,
                order.clone().into_tensor_arg(),
                keys.clone().into_tensor_arg(),
                width as i32,
            );
            order = sort(keys, Some(order), bits(rows - 1)).1;
        }
        places_in_rows::launch(
            &client,
            count,
            dim,
            order.into_tensor_arg(),
            out.clone().into_tensor_arg(),
        );
        out
    }
}

/// Bits that keys up to `largest` need.
const fn bits(largest: usize) -> u32 {
    usize::BITS - largest.leading_zeros()
}

/// Sorts `keys` `[A]` by their low bits and moves `order` along, by default `0, 1, 2, ...`.
fn sort(
    mut keys: CubeTensor,
    mut order: Option<CubeTensor>,
    bits: u32,
) -> (CubeTensor, CubeTensor) {
    let client = keys.client.clone();
    let [length] = keys.shape().dims();
    // At least one pass, which writes the order.
    for pass in 0..bits.div_ceil(8).max(1) {
        let counts = count(&keys, Buckets::Digit(8 * pass));
        let sorted_keys = empty(&keys, [length], DType::I32);
        let sorted_order = empty(&keys, [length], DType::I32);
        let places = order.is_none();
        place_by_digit::launch(
            &client,
            cubes(&client, blocks(length)),
            CubeDim::new_1d(UNITS as u32),
            keys.clone().into_tensor_arg(),
            order.unwrap_or(keys).into_tensor_arg(),
            counts.before.into_tensor_arg(),
            counts.totals.into_tensor_arg(),
            sorted_keys.clone().into_tensor_arg(),
            sorted_order.clone().into_tensor_arg(),
            8 * pass,
            places,
            UNITS,
        );
        (keys, order) = (sorted_keys, Some(sorted_order));
    }
    (keys, order.expect("a pass was made"))
}

/// One cube per block: moves each key behind those of lower digits and those of its own digit that
/// came before. With `places`, what moves along is the place of the key instead of its `order`.
#[cube(launch)]
fn place_by_digit(
    keys: &Tensor<i32>,
    order: &Tensor<i32>,
    before: &Tensor<i32>,
    totals: &Tensor<i32>,
    sorted_keys: &mut Tensor<i32>,
    sorted_order: &mut Tensor<i32>,
    shift: u32,
    #[comptime] places: bool,
    #[comptime] units: usize,
) {
    if CUBE_POS >= before.shape(0) {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let place = CUBE_POS * units + unit;
    let length = keys.shape(0);
    let mut mine = Shared::<[i32]>::new_slice(units);
    let mut sizes = Shared::<[i32]>::new_slice(units);
    let mut starts = Shared::<[i32]>::new_slice(units);
    let mut key = 0i32;
    let mut own = i32::new(-1);
    if place < length {
        key = keys[place];
        own = digit(key, shift);
    }
    mine[unit] = own;
    // There are as many units as digits.
    sizes[unit] = totals[unit];
    sync_cube();

    let mut start = 0i32;
    for i in 0..unit {
        start += sizes[i];
    }
    starts[unit] = start;
    sync_cube();

    if place < length {
        let mut to = starts[own as usize] + before[CUBE_POS * DIGITS + own as usize];
        for i in 0..unit {
            if mine[i] == own {
                to += 1;
            }
        }
        sorted_keys[to as usize] = key;
        let mut carried = place as i32;
        if !places {
            carried = order[place];
        }
        sorted_order[to as usize] = carried;
    }
}

/// A token that is none becomes `tokens`.
#[cube(launch)]
fn clip_rows(rows: &Tensor<i32>, keys: &mut Tensor<i32>, tokens: i32) {
    if ABSOLUTE_POS >= keys.shape(0) {
        terminate!();
    }
    let token = rows[ABSOLUTE_POS];
    keys[ABSOLUTE_POS] = select(token >= 0 && token < tokens, token, tokens);
}

/// One unit per token: the first place whose key is not below it, by bisection.
#[cube(launch)]
fn find_starts(keys: &Tensor<i32>, starts: &mut Tensor<i32>) {
    let token = ABSOLUTE_POS;
    if token >= starts.shape(0) {
        terminate!();
    }
    let mut low = 0usize;
    let mut high = keys.shape(0);
    while low < high {
        let middle = (low + high) / 2;
        if keys[middle] < token as i32 {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    starts[token] = low as i32;
}

/// The bits of a float so that, taken as a whole number without sign, they fall as it rises.
#[cube(launch)]
fn descending_keys(values: &Tensor<f32>, keys: &mut Tensor<i32>) {
    if ABSOLUTE_POS >= keys.shape(0) {
        terminate!();
    }
    let bits = i32::reinterpret(values[ABSOLUTE_POS]);
    // A negative float's bits rise as it falls. A positive one's but for the sign bit fall once
    // they are turned round, which also puts them before the negative ones.
    keys[ABSOLUTE_POS] = select(bits < 0, bits, bits ^ 0x7fff_ffff);
}

/// The row of each element, from its place in the whole tensor.
#[cube(launch)]
fn row_keys(order: &Tensor<i32>, keys: &mut Tensor<i32>, width: i32) {
    if ABSOLUTE_POS >= keys.shape(0) {
        terminate!();
    }
    keys[ABSOLUTE_POS] = order[ABSOLUTE_POS] / width;
}

/// The place in its row of each element, from its place in the whole tensor.
#[cube(launch)]
fn places_in_rows(order: &Tensor<i32>, out: &mut Tensor<i32>) {
    if ABSOLUTE_POS >= order.shape(0) {
        terminate!();
    }
    out[ABSOLUTE_POS] = order[ABSOLUTE_POS] % out.shape(1) as i32;
}
