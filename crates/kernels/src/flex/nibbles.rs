//! Numbers of four bits with their scales, written out a piece at a time.

use super::wide::wide;
use crate::int4::PER_WORD;

/// A matrix `[K, N]` of four-bit numbers, row after row, from some number on.
#[derive(Clone, Copy)]
pub(super) struct Nibbles<'a> {
    /// `[K / 8, N]`.
    words: &'a [i32],
    /// `[G, N]`.
    scales: &'a [f32],
    zeros: Zeros<'a>,
    /// The group of each of K.
    groups: &'a [i32],
    columns: usize,
    start: usize,
}

/// What stands for 0.
#[derive(Clone, Copy)]
pub(super) enum Zeros<'a> {
    /// The same everywhere.
    One(f32),
    /// `[G, N]`.
    Each(&'a [f32]),
}

impl Zeros<'_> {
    /// Those of a group, from a column on.
    pub(super) fn of(self, place: usize, length: usize) -> Self {
        match self {
            Self::One(zero) => Self::One(zero),
            Self::Each(zeros) => Self::Each(&zeros[place..][..length]),
        }
    }
}

/// Eight rows of some columns.
#[derive(Clone, Copy)]
pub(super) struct Strip<'a> {
    pub(super) words: &'a [i32],
    /// The groups of the eight rows.
    pub(super) groups: &'a [i32],
}

impl<'a> Nibbles<'a> {
    /// # Panics
    ///
    /// When sizes do not fit each other, or an input is of no group.
    pub(super) fn new(
        words: &'a [i32],
        scales: &'a [f32],
        zeros: Zeros<'a>,
        groups: &'a [i32],
        columns: usize,
    ) -> Self {
        assert_eq!(
            words.len() * PER_WORD,
            groups.len() * columns,
            "eight rows to a row of words"
        );
        let count = scales.len() / columns.max(1);
        assert!(
            groups.iter().all(|&group| (group as usize) < count),
            "an input is of no group"
        );
        if let Zeros::Each(zeros) = zeros {
            assert_eq!(zeros.len(), scales.len(), "a zero for each scale");
        }
        Self {
            words,
            scales,
            zeros,
            groups,
            columns,
            start: 0,
        }
    }

    pub(super) const fn len(self) -> usize {
        self.groups.len() * self.columns - self.start
    }

    /// Without the first `start`.
    pub(super) fn from(self, start: usize) -> Self {
        Self {
            start: self.start + start,
            ..self
        }
    }

    /// Writes those from `start` on to all of `out`.
    pub(super) fn widen(self, start: usize, out: &mut [f32]) {
        let mut at = self.start + start;
        let mut rest = out;
        while !rest.is_empty() {
            let (row, column) = (at / self.columns, at % self.columns);
            let length = rest.len().min(self.columns - column);
            let (here, after) = std::mem::take(&mut rest).split_at_mut(length);
            self.widen_row(row, column, here);
            rest = after;
            at += length;
        }
    }

    /// Writes those of a row from a column on to all of `out`.
    pub(super) fn widen_row(self, row: usize, column: usize, out: &mut [f32]) {
        let words = &self.words[row / PER_WORD * self.columns + column..][..out.len()];
        let (scales, zeros) = self.scaling(self.groups[row], column, out.len());
        let shift = 4 * (row % PER_WORD) as u32;
        match zeros {
            Zeros::One(zero) => widen_even(words, shift, scales, zero, out),
            Zeros::Each(zeros) => widen_each(words, shift, scales, zeros, out),
        }
    }

    /// Scales and zeros of a group at some columns.
    pub(super) fn scaling(
        self,
        group: i32,
        column: usize,
        length: usize,
    ) -> (&'a [f32], Zeros<'a>) {
        let place = group as usize * self.columns + column;
        (
            &self.scales[place..][..length],
            self.zeros.of(place, length),
        )
    }

    /// Some columns of the whole matrix, eight rows at a time.
    pub(super) fn strips(self, column: usize, length: usize) -> impl Iterator<Item = Strip<'a>> {
        assert_eq!(self.start, 0, "strips are of the whole matrix");
        let rows = self.words.chunks_exact(self.columns);
        let groups = self.groups.chunks_exact(PER_WORD);
        rows.zip(groups).map(move |(words, groups)| Strip {
            words: &words[column..][..length],
            groups,
        })
    }
}

/// A matrix `[K, N]` of four-bit numbers for each expert.
#[derive(Clone, Copy)]
pub(super) struct Int4Matrices<'a> {
    /// `[E, K / 8, N]`.
    pub(super) words: &'a [i32],
    /// `[E, G, N]`.
    pub(super) scales: &'a [f32],
    /// `[E, G, N]`, or one.
    pub(super) zeros: &'a [f32],
    /// `[E, K]`, or `[K]` for all.
    pub(super) groups: &'a [i32],
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) experts: usize,
}

impl<'a> Int4Matrices<'a> {
    pub(super) fn of(self, expert: usize) -> Nibbles<'a> {
        let part = |all: usize| {
            let length = all / self.experts;
            (expert * length, length)
        };
        let (words, count) = part(self.words.len());
        let words = &self.words[words..][..count];
        let (place, count) = part(self.scales.len());
        let scales = &self.scales[place..][..count];
        let zeros = match self.zeros {
            [zero] => Zeros::One(*zero),
            zeros => Zeros::Each(&zeros[place..][..count]),
        };
        let groups = if self.groups.len() == self.inputs {
            self.groups
        } else {
            &self.groups[expert * self.inputs..][..self.inputs]
        };
        Nibbles::new(words, scales, zeros, groups, self.outputs)
    }
}

/// A number of a word.
#[inline(always)]
pub(super) fn nibble(word: i32, shift: u32) -> f32 {
    ((word as u32 >> shift) & 15) as f32
}

wide! {
    fn widen_even(words: &[i32], shift: u32, scales: &[f32], zero: f32, out: &mut [f32]) {
        for ((out, word), scale) in out.iter_mut().zip(words).zip(scales) {
            *out = scale * (nibble(*word, shift) - zero);
        }
    }

    fn widen_each(words: &[i32], shift: u32, scales: &[f32], zeros: &[f32], out: &mut [f32]) {
        for (((out, word), scale), zero) in out.iter_mut().zip(words).zip(scales).zip(zeros) {
            *out = scale * (nibble(*word, shift) - zero);
        }
    }
}
