//! Counting keys by bucket in two levels, the ground under load, queues and sorting: counts of each
//! block of keys, their running sums over the blocks, and a key's rank inside its block. Every
//! number is exact and every place is settled by the order of the keys alone.

use burn::{backend::TensorMetadata, tensor::DType};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{UNITS, cubes, empty};

/// Which bucket a key belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Buckets {
    /// The key is the number of its bucket, of so many; a key outside belongs to none.
    Keys(usize),
    /// Eight bits of the key from this one on: 256 buckets.
    Digit(u32),
}

impl Buckets {
    const fn number(self) -> usize {
        match self {
            Self::Keys(number) => number,
            Self::Digit(_) => DIGITS,
        }
    }

    const fn shift(self) -> u32 {
        match self {
            Self::Keys(_) => 0,
            Self::Digit(shift) => shift,
        }
    }

    const fn digits(self) -> bool {
        matches!(self, Self::Digit(_))
    }
}

/// Buckets of a digit of eight bits.
pub(super) const DIGITS: usize = 256;

/// What counting found.
pub(super) struct Counts {
    /// Keys of a bucket in earlier blocks `[blocks, buckets]`.
    pub(super) before: CubeTensor,
    /// Keys of a bucket in all `[buckets]`.
    pub(super) totals: CubeTensor,
}

/// Blocks of [`UNITS`] keys.
pub(super) fn blocks(keys: usize) -> usize {
    keys.div_ceil(UNITS)
}

/// Counts `keys` `[A]`, A above 0.
pub(super) fn count(keys: &CubeTensor, buckets: Buckets) -> Counts {
    let client = keys.client.clone();
    let [length] = keys.shape().dims();
    let (blocks, number) = (blocks(length), buckets.number());
    let before = empty(keys, [blocks, number], DType::I32);
    let totals = empty(keys, [number], DType::I32);
    count_blocks::launch(
        &client,
        cubes(&client, blocks),
        CubeDim::new_1d(UNITS as u32),
        keys.clone().into_tensor_arg(),
        before.clone().into_tensor_arg(),
        buckets.shift(),
        buckets.digits(),
        UNITS,
    );
    scan_blocks::launch(
        &client,
        cubes(&client, number),
        CubeDim::new_1d(UNITS as u32),
        before.clone().into_tensor_arg(),
        totals.clone().into_tensor_arg(),
        UNITS,
    );
    Counts { before, totals }
}

/// Eight bits of a key.
#[cube]
pub(super) fn digit(key: i32, shift: u32) -> i32 {
    (key >> shift as i32) & 255
}

/// One cube per block: each unit counts some buckets in the keys that all have read.
#[cube(launch)]
fn count_blocks(
    keys: &Tensor<i32>,
    counts: &mut Tensor<i32>,
    shift: u32,
    #[comptime] digits: bool,
    #[comptime] units: usize,
) {
    let buckets = counts.shape(1);
    if CUBE_POS >= counts.shape(0) {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let place = CUBE_POS * units + unit;
    let mut mine = Shared::<[i32]>::new_slice(units);
    let mut own = i32::new(-1);
    if place < keys.shape(0) {
        own = keys[place];
        if digits {
            own = digit(own, shift);
        }
    }
    mine[unit] = own;
    sync_cube();

    let mut of = unit;
    while of < buckets {
        let mut count = 0i32;
        for i in 0..units {
            if mine[i] == of as i32 {
                count += 1;
            }
        }
        counts[CUBE_POS * buckets + of] = count;
        of += units;
    }
}

/// One cube per bucket: counts become the sums of those before them, the last sum the total. Each
/// unit takes a run of blocks.
#[cube(launch)]
fn scan_blocks(counts: &mut Tensor<i32>, totals: &mut Tensor<i32>, #[comptime] units: usize) {
    let blocks = counts.shape(0);
    let buckets = counts.shape(1);
    let of = CUBE_POS;
    if of >= buckets {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let run = (blocks + units - 1) / units;
    let mut sums = Shared::<[i32]>::new_slice(units);
    let mut sum = 0i32;
    for i in 0..run {
        let block = unit * run + i;
        if block < blocks {
            sum += counts[block * buckets + of];
        }
    }
    sums[unit] = sum;
    sync_cube();

    let mut before = 0i32;
    for i in 0..unit {
        before += sums[i];
    }
    for i in 0..run {
        let block = unit * run + i;
        if block < blocks {
            let count = counts[block * buckets + of];
            counts[block * buckets + of] = before;
            before += count;
        }
    }
    if unit == units - 1 {
        totals[of] = before;
    }
}
