//! Matrix products of slices with strides, which every heavy operation of the CPU path ends in.
//!
//! Two ways lead to the product: the matrix unit of chips that have Intel's AMX (`amx`), and the
//! vector kernels of the `gemm` crate (`vectors`). In f32 both give the accuracy of f32; the matrix
//! unit reads a factor as a sum of three bf16 numbers. `SWITCHYARD_MATMUL=vectors` keeps to the
//! second, for comparisons.
//!
//! The right factor may be of half precision or of four bits. It is widened while it is near: by the panel
//! that is packed for the matrix unit, some columns at a time before a vector kernel, or number by number
//! where there are few rows (`few`).

#[cfg(target_arch = "x86_64")]
mod amx;
mod few;
mod finish;
mod scratch;
mod sides;
mod vectors;
mod view;

use std::{mem::MaybeUninit, sync::OnceLock};

pub(super) use finish::{Finish, Map};
pub(super) use view::View;

use crate::Precision;

/// How many threads one product may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Threads {
    /// The calling one.
    One,
    /// Those of the pool.
    All,
}

/// `finish(map(a) * b)`, to be written or added somewhere.
#[derive(Clone, Copy)]
pub(super) struct Product<'a> {
    a: View<'a>,
    b: View<'a>,
    map: Map,
    finish: Finish<'a>,
    precision: Precision,
    /// Elements of the whole of which the result is a part; 0 where it is none.
    whole: usize,
}

impl<'a> Product<'a> {
    /// `a * b` in f32.
    ///
    /// # Panics
    ///
    /// When the inner sizes differ.
    pub(super) fn new(a: View<'a>, b: View<'a>) -> Self {
        assert_eq!(
            a.columns(),
            b.rows(),
            "inner sizes of a product differ: {} and {}",
            a.columns(),
            b.rows()
        );
        Self {
            a,
            b,
            map: Map::Identity,
            finish: Finish::Nothing,
            precision: Precision::F32,
            whole: 0,
        }
    }

    /// Sends every element of `a` through a function first.
    pub(super) fn map(self, map: Map) -> Self {
        Self { map, ..self }
    }

    /// Does something to every element of the result while it is at hand.
    pub(super) fn finish(self, finish: Finish<'a>) -> Self {
        Self { finish, ..self }
    }

    /// Factors of this precision, sums in f32.
    pub(super) fn precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Says that the result is a part of a tensor of so many elements, which decides whether it
    /// can stay in a cache.
    pub(super) fn part_of(self, whole: usize) -> Self {
        Self { whole, ..self }
    }

    /// Writes the result, row-major, to all of `out`.
    pub(super) fn write(self, out: &mut [MaybeUninit<f32>], threads: Threads) {
        self.run(out.as_mut_ptr().cast(), out.len(), false, threads);
    }

    /// Writes the result, row-major, over all of `out`.
    pub(super) fn overwrite(self, out: &mut [f32], threads: Threads) {
        self.run(out.as_mut_ptr(), out.len(), false, threads);
    }

    /// Adds the result, row-major, to `out`.
    ///
    /// # Panics
    ///
    /// When there is something to finish: what was there before is no part of the sum.
    pub(super) fn add(self, out: &mut [f32], threads: Threads) {
        assert!(
            matches!(self.finish, Finish::Nothing),
            "a product that is added cannot be finished"
        );
        self.run(out.as_mut_ptr(), out.len(), true, threads);
    }

    /// `out` points to `length` elements that are the caller's alone, initialised if `add`.
    fn run(self, out: *mut f32, length: usize, add: bool, threads: Threads) {
        let (rows, columns) = (self.a.rows(), self.b.columns());
        assert_eq!(
            length,
            rows * columns,
            "output of a product has another size"
        );
        if length == 0 {
            return;
        }
        #[cfg(target_arch = "x86_64")]
        if matrix_unit()
            && amx::pays(rows, columns, self.a.columns())
            && !few::pays(&self.a, &self.b)
        {
            amx::run(&self, out, add, threads);
            return;
        }
        vectors::run(&self, out, add, threads);
    }
}

/// Whether products run on the chip's matrix unit.
pub(crate) fn matrix_unit() -> bool {
    static CHOICE: OnceLock<bool> = OnceLock::new();
    *CHOICE.get_or_init(|| {
        let wanted = std::env::var("SWITCHYARD_MATMUL").is_ok_and(|choice| choice == "vectors");
        #[cfg(target_arch = "x86_64")]
        let there = amx::available();
        #[cfg(not(target_arch = "x86_64"))]
        let there = false;
        there && !wanted
    })
}
