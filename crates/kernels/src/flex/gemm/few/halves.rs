//! Sums of lines in half precision.

use super::{
    DEPTHS, PIECE, Sums,
    add::{Number, lines},
    some,
};
use crate::flex::near;

/// Adds `x * b`, where `line` gives the columns of b at a depth.
pub(super) fn add_all<'a, const R: usize, N: Number + 'a>(
    x: &[[f32; R]],
    line: impl Fn(usize) -> &'a [N],
    sums: &mut [Sums<R>],
) {
    let nothing = [N::default(); PIECE];
    for number in 0..x.len().div_ceil(DEPTHS) {
        let depths = |number: usize| number * DEPTHS..((number + 1) * DEPTHS).min(x.len());
        let mut here = [[0.0; R]; DEPTHS];
        here[..depths(number).len()].copy_from_slice(&x[depths(number)]);
        for (first, sums) in (0..).step_by(PIECE).zip(&mut *sums) {
            depths(number + 1).for_each(|depth| near::fetch(some(line(depth), first)));
            let length = some(line(0), first).len();
            let mut pieces = [&nothing[..length]; DEPTHS];
            for (piece, depth) in pieces.iter_mut().zip(depths(number)) {
                *piece = some(line(depth), first);
            }
            lines(&here, pieces, sums);
        }
    }
}
