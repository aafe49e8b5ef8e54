//! Matrix products of slices with strides, which every heavy operation of the CPU path ends in.

use gemm::Parallelism;

/// A matrix in a slice: element `(i, j)` is at `i * row + j * column`.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row: usize,
    column: usize,
}

impl<'a> View<'a> {
    /// Row after row, the first `rows * columns` elements of the slice.
    pub(super) fn row_major(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::strided(values, rows, columns, columns)
    }

    /// Rows that start `row` elements apart.
    pub(super) fn strided(values: &'a [f32], rows: usize, columns: usize, row: usize) -> Self {
        let end = match (rows, columns) {
            (0, _) | (_, 0) => 0,
            _ => (rows - 1) * row + columns,
        };
        assert!(end <= values.len(), "a view leaves its slice");
        Self {
            values,
            rows,
            columns,
            row,
            column: 1,
        }
    }

    /// The same elements with rows and columns exchanged.
    pub(super) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row: self.column,
            column: self.row,
            ..self
        }
    }
}

/// How many threads one product may use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Threads {
    /// The calling one.
    One,
    /// Those of the pool.
    All,
}

/// What becomes of what the output held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Into {
    /// It is replaced.
    Replace,
    /// The product is added to it.
    Add,
}

/// `out = a * b` or `out += a * b`, `out` row-major.
pub(super) fn multiply(out: &mut [f32], a: View<'_>, b: View<'_>, into: Into, threads: Threads) {
    assert_eq!(a.columns, b.rows, "inner sizes of a product differ");
    assert_eq!(
        out.len(),
        a.rows * b.columns,
        "output of a product has another size"
    );
    if out.is_empty() {
        return;
    }
    if a.columns == 0 {
        if into == Into::Replace {
            out.fill(0.0);
        }
        return;
    }
    let parallelism = match threads {
        Threads::All if rayon::current_num_threads() > 1 => Parallelism::Rayon(0),
        _ => Parallelism::None,
    };
    // SAFETY: `out` is an exclusive slice of exactly rows * columns elements, walked with strides
    // (columns, 1). A view's elements lie inside its slice: `strided`, the only constructor, has
    // checked it, and transposing names the same elements. f32 has no invalid bit patterns.
    #[expect(
        unsafe_code,
        reason = "the matmul crate takes raw pointers; bounds are asserted above"
    )]
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            b.columns as isize,
            into == Into::Add,
            a.values.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.values.as_ptr(),
            b.column as isize,
            b.row as isize,
            1.0f32,
            1.0f32,
            false,
            false,
            false,
            parallelism,
        );
    }
}
