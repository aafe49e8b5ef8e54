//! A matrix in a slice.

use crate::flex::values::Values;

/// A matrix in a slice: element `(i, j)` is at `i * row + j * column`, and one of the strides is 1.
#[derive(Clone, Copy)]
pub(in crate::flex) struct View<'a> {
    values: Values<'a>,
    rows: usize,
    columns: usize,
    row: usize,
    column: usize,
}

impl<'a> View<'a> {
    /// Row after row, the first `rows * columns` elements of the slice.
    pub(in crate::flex) fn row_major(
        values: impl Into<Values<'a>>,
        rows: usize,
        columns: usize,
    ) -> Self {
        Self::strided(values, rows, columns, columns)
    }

    /// Rows that start `row` elements apart.
    pub(in crate::flex) fn strided(
        values: impl Into<Values<'a>>,
        rows: usize,
        columns: usize,
        row: usize,
    ) -> Self {
        let view = Self {
            values: values.into(),
            rows,
            columns,
            row,
            column: 1,
        };
        assert!(
            view.extent() <= view.values.len(),
            "a view leaves its slice"
        );
        view
    }

    /// The same elements with rows and columns exchanged.
    pub(in crate::flex) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row: self.column,
            column: self.row,
            ..self
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Elements from a row to the next.
    pub(super) fn row_stride(&self) -> usize {
        self.row
    }

    /// Elements from a column to the next.
    pub(super) fn column_stride(&self) -> usize {
        self.column
    }

    /// How far into the slice its last element reaches.
    pub(super) fn extent(&self) -> usize {
        match (self.rows, self.columns) {
            (0, _) | (_, 0) => 0,
            (rows, columns) => (rows - 1) * self.row + (columns - 1) * self.column + 1,
        }
    }

    /// The slice, of which every element `(i, j)` with `i < rows` and `j < columns` is a part.
    pub(super) fn values(&self) -> Values<'a> {
        self.values
    }

    /// Some of its columns.
    pub(super) fn part(&self, first: usize, columns: usize) -> Self {
        Self {
            values: self.values.from(first * self.column),
            columns,
            ..*self
        }
    }

    /// The same elements in f32, their runs laid out in `near` one after another.
    pub(super) fn widened<'b>(&self, near: &'b mut [f32]) -> View<'b> {
        let along = self.column == 1;
        let (runs, length, apart) = if along {
            (self.rows, self.columns, self.row)
        } else {
            (self.columns, self.rows, self.column)
        };
        let near = &mut near[..runs * length];
        for (run, out) in near.chunks_exact_mut(length.max(1)).enumerate() {
            self.values.widen(run * apart, out);
        }
        let view = View::row_major(&*near, runs, length);
        if along { view } else { view.transposed() }
    }
}
