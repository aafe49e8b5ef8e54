//! `cells.parquet`: what each cell of a sweep is, a column an axis.

use super::Value;

/// The name of the table.
pub const CELLS: &str = "cells";

/// The cells of a sweep. Its columns are the sweep's own, so it is no [`Row`](super::Row) and is only
/// written: everything in it follows from the trials.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CellTable {
    /// The axes that vary in the sweep; their columns are called `axis_` and the name.
    pub axes: Vec<String>,
    /// The cells.
    pub rows: Vec<CellRow>,
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CellRow {
    /// As in the other tables.
    pub cell_id: String,
    /// What sets it apart, in words.
    pub cell: String,
    /// Its trials that finished.
    pub done: u64,
    /// Its place on each axis: a number, a text, or null where the axis says nothing of it.
    pub values: Vec<Value>,
}

impl CellTable {
    /// The columns by name. An axis with texts is a column of texts.
    pub fn columns(&self) -> Vec<(String, Vec<Value>)> {
        let text = |of: fn(&CellRow) -> &String| -> Vec<Value> {
            self.rows
                .iter()
                .map(|row| Value::Text(of(row).clone()))
                .collect()
        };
        let mut columns = vec![
            ("cell_id".to_owned(), text(|row| &row.cell_id)),
            ("cell".to_owned(), text(|row| &row.cell)),
            (
                "done".to_owned(),
                self.rows.iter().map(|row| Value::U64(row.done)).collect(),
            ),
        ];
        for (at, axis) in self.axes.iter().enumerate() {
            let values: Vec<Value> = self.rows.iter().map(|row| row.values[at].clone()).collect();
            let has_text = values.iter().any(|value| matches!(value, Value::Text(_)));
            let as_text = |value: Value| match value {
                Value::Null | Value::Text(_) => value,
                number => Value::Text(number.to_string()),
            };
            let values = if has_text {
                values.into_iter().map(as_text).collect()
            } else {
                values
            };
            columns.push((format!("axis_{}", snake(axis)), values));
        }
        columns
    }
}

/// `router.scorer.mlp.input-norm` as a column's name.
fn snake(axis: &str) -> String {
    axis.replace(['.', '-'], "_")
}
