//! The sums themselves: on AVX-512 of all rows together, on other chips row by row, so that compilers find
//! vectors in plain loops.

use std::array;

use burn::tensor::{bf16, f16};

#[cfg(target_arch = "x86_64")]
use super::avx512::{self, Vector};
use super::{DEPTHS, Sums};
use crate::flex::{
    values::{bf16_to_f32, f16_to_f32},
    wide::wide,
};

#[cfg(not(target_arch = "x86_64"))]
pub(super) trait Vector {}
#[cfg(not(target_arch = "x86_64"))]
impl<N> Vector for N {}

/// A number of a line.
pub(super) trait Number: Copy + Default + Vector {
    /// Adds `x * lines` to the sums of a row.
    fn add_row(x: &[f32; DEPTHS], lines: [&[Self]; DEPTHS], sums: &mut [f32]);
}

/// Adds `x * lines`, the lines equally long and a piece at most.
pub(super) fn lines<const R: usize, N: Number>(
    x: &[[f32; R]; DEPTHS],
    lines: [&[N]; DEPTHS],
    sums: &mut Sums<R>,
) {
    #[cfg(target_arch = "x86_64")]
    if avx512::available() {
        // SAFETY: the chip was just asked for what the function needs.
        #[expect(unsafe_code, reason = "target features, checked above")]
        unsafe {
            avx512::lines(x, lines, sums);
        }
        return;
    }
    by_row(x, sums, |x, sums| N::add_row(x, lines, sums));
}

/// Adds `x * q` for the numbers q of words, a piece of them at most.
pub(super) fn words<const R: usize>(x: &[[f32; R]; DEPTHS], words: &[i32], sums: &mut Sums<R>) {
    #[cfg(target_arch = "x86_64")]
    if avx512::available() {
        // SAFETY: the chip was just asked for what the function needs.
        #[expect(unsafe_code, reason = "target features, checked above")]
        unsafe {
            avx512::words(x, words, sums);
        }
        return;
    }
    by_row(x, sums, |x, sums| words_row(x, words, sums));
}

fn by_row<const R: usize>(
    x: &[[f32; R]; DEPTHS],
    sums: &mut Sums<R>,
    add: impl Fn(&[f32; DEPTHS], &mut [f32]),
) {
    for (row, sums) in sums.iter_mut().enumerate() {
        add(&x.map(|x| x[row]), sums);
    }
}

macro_rules! numbers {
    ($($number:ty: $row:ident by $widen:expr,)*) => {
        $(impl Number for $number {
            fn add_row(x: &[f32; DEPTHS], lines: [&[Self]; DEPTHS], sums: &mut [f32]) {
                $row(x, lines, sums);
            }
        })*

        wide! {$(
            fn $row(x: &[f32; DEPTHS], lines: [&[$number]; DEPTHS], sums: &mut [f32]) {
                let length = lines[0].len();
                let lines: [&[$number]; DEPTHS] = array::from_fn(|depth| &lines[depth][..length]);
                for (at, sum) in sums[..length].iter_mut().enumerate() {
                    let mut near = *sum;
                    for depth in 0..DEPTHS {
                        near = x[depth].mul_add($widen(lines[depth][at]), near);
                    }
                    *sum = near;
                }
            }
        )*}
    };
}

numbers! {
    f32: f32_row by |number: f32| number,
    f16: f16_row by |number: f16| f16_to_f32(number.to_bits()),
    bf16: bf16_row by |number: bf16| bf16_to_f32(number.to_bits()),
}

wide! {
    fn words_row(x: &[f32; DEPTHS], words: &[i32], sums: &mut [f32]) {
        // A number is taken where it is, 16 times as large as the one below it, and x is so much smaller.
        let [mut lower @ .., highest] = *x;
        for (depth, x) in lower.iter_mut().enumerate() {
            *x /= (1 << (4 * depth)) as f32;
        }
        for (sum, word) in sums.iter_mut().zip(words) {
            let mut near = *sum;
            for (depth, x) in lower.iter().enumerate() {
                near = x.mul_add((word & (15 << (4 * depth))) as f32, near);
            }
            // The highest bit is no sign.
            let level = (*word as u32 >> (4 * lower.len())) as i32 as f32;
            *sum = highest.mul_add(level, near);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flex::gemm::few::PIECE;

    const ROWS: usize = 4;

    fn x() -> [[f32; ROWS]; DEPTHS] {
        array::from_fn(|depth| array::from_fn(|row| ((depth * 7 + row * 5) % 11) as f32 - 5.0))
    }

    /// Sums of whole numbers, which no order of additions rounds.
    fn check(
        length: usize,
        value: impl Fn(usize, usize) -> f32,
        found: [&Sums<ROWS>; 2],
        before: f32,
    ) {
        let x = x();
        for (way, found) in found.into_iter().enumerate() {
            for (row, sums) in found.iter().enumerate() {
                for (at, sum) in sums.iter().enumerate().take(length) {
                    let terms = (0..DEPTHS).map(|depth| x[depth][row] * value(depth, at));
                    let expected = before + terms.sum::<f32>();
                    assert_eq!(*sum, expected, "way {way}, row {row}, {at} of {length}");
                }
            }
        }
    }

    fn both_ways_with<N: Number>(number: impl Fn(f32) -> N) {
        let value = |depth: usize, at: usize| ((depth * 13 + at * 3) % 17) as f32 - 8.0;
        for length in [1, 15, 16, 17, 100, PIECE] {
            let numbers: [Vec<N>; DEPTHS] =
                array::from_fn(|depth| (0..length).map(|at| number(value(depth, at))).collect());
            let here = numbers.each_ref().map(Vec::as_slice);
            let mut found = [[[2.0; PIECE]; ROWS]; 2];
            lines(&x(), here, &mut found[0]);
            by_row(&x(), &mut found[1], |x, sums| N::add_row(x, here, sums));
            check(length, value, found.each_ref(), 2.0);
        }
    }

    #[test]
    fn lines_of_any_length_both_ways() {
        both_ways_with(|value| value);
        both_ways_with(f16::from_f32);
        both_ways_with(bf16::from_f32);
    }

    #[test]
    fn words_of_any_number_both_ways() {
        let all: Vec<i32> = (0..PIECE as u32)
            .map(|at| at.wrapping_mul(0x9e37_79b9).cast_signed())
            .collect();
        let value = |depth: usize, at: usize| ((all[at] as u32 >> (4 * depth)) & 15) as f32;
        for length in [1, 15, 16, 17, 100, PIECE] {
            let here = &all[..length];
            let mut found = [[[-3.0; PIECE]; ROWS]; 2];
            words(&x(), here, &mut found[0]);
            by_row(&x(), &mut found[1], |x, sums| words_row(x, here, sums));
            check(length, value, found.each_ref(), -3.0);
        }
    }
}
