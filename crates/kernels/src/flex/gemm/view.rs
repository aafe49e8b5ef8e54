//! A matrix in a slice.

/// A matrix in a slice: element `(i, j)` is at `i * row + j * column`, and one of the strides is 1.
#[derive(Clone, Copy)]
pub(in crate::flex) struct View<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row: usize,
    column: usize,
}

impl<'a> View<'a> {
    /// Row after row, the first `rows * columns` elements of the slice.
    pub(in crate::flex) fn row_major(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::strided(values, rows, columns, columns)
    }

    /// Rows that start `row` elements apart.
    pub(in crate::flex) fn strided(
        values: &'a [f32],
        rows: usize,
        columns: usize,
        row: usize,
    ) -> Self {
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

    /// The slice, of which every element `(i, j)` with `i < rows` and `j < columns` is a part.
    pub(super) fn values(&self) -> &'a [f32] {
        self.values
    }
}
