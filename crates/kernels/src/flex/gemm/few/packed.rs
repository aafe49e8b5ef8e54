//! Sums of words of four bits.

use super::{
    DEPTHS, PIECE, Sums,
    add::{lines, words},
    some,
};
use crate::flex::{
    near,
    nibbles::{Nibbles, Zeros},
    wide::wide,
};

/// Whole numbers that were summed and are yet to be scaled, all of one group.
struct Levels<const R: usize> {
    group: Option<i32>,
    /// `sum x q`, piece by piece.
    sums: Vec<Sums<R>>,
    /// `sum x`.
    all: [f32; R],
}

/// Adds `x * b`. Whole numbers are summed as long as the group is the same; then their sums are scaled:
/// `sum x s (q - z) = s (sum x q - z sum x)`. Of a word of several groups they are scaled one by one.
pub(super) fn add_all<const R: usize>(
    x: &[[f32; R]],
    b: Nibbles<'_>,
    column: usize,
    width: usize,
    sums: &mut [Sums<R>],
) {
    let mut levels = Levels {
        group: None,
        sums: vec![[[0.0; PIECE]; R]; sums.len()],
        all: [0.0; R],
    };
    let mut coming = b.strips(column, width).skip(1);
    let strips = b.strips(column, width).zip(x.as_chunks::<DEPTHS>().0);
    for (number, (strip, x)) in strips.enumerate() {
        let next = coming.next().map_or(&[][..], |strip| strip.words);
        let group = strip.groups[0];
        let alone = strip.groups.iter().any(|other| *other != group);
        if !alone && levels.group != Some(group) {
            levels.scale(b, column, width, sums);
            levels.group = Some(group);
            near::fetch(b.scaling(group, column, width).0);
        }
        let pieces = (0..width).step_by(PIECE).zip(&mut levels.sums);
        for ((first, levels), sums) in pieces.zip(&mut *sums) {
            if first < next.len() {
                near::fetch(some(next, first));
            }
            let here = some(strip.words, first);
            if alone {
                let mut numbers = [[0.0; PIECE]; DEPTHS];
                for (place, line) in numbers.iter_mut().enumerate() {
                    b.widen_row(
                        number * DEPTHS + place,
                        column + first,
                        &mut line[..here.len()],
                    );
                }
                lines(x, numbers.each_ref().map(|line| &line[..here.len()]), sums);
            } else {
                words(x, here, levels);
            }
        }
        if !alone {
            for x in x {
                levels.all.iter_mut().zip(x).for_each(|(all, x)| *all += x);
            }
        }
    }
    levels.scale(b, column, width, sums);
}

impl<const R: usize> Levels<R> {
    /// Adds the scaled sums of the group, if there is one, and begins anew.
    fn scale(&mut self, b: Nibbles<'_>, column: usize, width: usize, sums: &mut [Sums<R>]) {
        let Some(group) = self.group.take() else {
            return;
        };
        let pieces = (0..width).step_by(PIECE).zip(&mut self.sums);
        for ((first, levels), sums) in pieces.zip(sums) {
            let length = PIECE.min(width - first);
            let (scales, zeros) = b.scaling(group, column + first, length);
            for ((levels, all), sums) in levels.iter_mut().zip(&self.all).zip(sums) {
                match zeros {
                    Zeros::One(zero) => scale_even(levels, zero * all, scales, sums),
                    Zeros::Each(zeros) => scale_each(levels, *all, scales, zeros, sums),
                }
            }
        }
        self.all = [0.0; R];
    }
}

wide! {
    fn scale_even(levels: &mut [f32; PIECE], zero: f32, scales: &[f32], sums: &mut [f32; PIECE]) {
        for ((sum, level), scale) in sums.iter_mut().zip(levels).zip(scales) {
            *sum += scale * (*level - zero);
            *level = 0.0;
        }
    }

    fn scale_each(
        levels: &mut [f32; PIECE],
        all: f32,
        scales: &[f32],
        zeros: &[f32],
        sums: &mut [f32; PIECE],
    ) {
        for (((sum, level), scale), zero) in sums.iter_mut().zip(levels).zip(scales).zip(zeros) {
            *sum += scale * (*level - zero * all);
            *level = 0.0;
        }
    }
}
