//! The description of a table, made from its one declaration.

use std::cmp::Ordering;

use super::{ColumnKind, Value};
use crate::Error;

/// The major version of all tables. A change of it means that older files cannot be read, and it
/// is part of every trial's id, so that trials run again under the new meaning.
pub const SCHEMA_MAJOR: u32 = 1;

/// A table: its name, version and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSchema {
    /// The file's name without `.parquet`.
    pub name: &'static str,
    /// One or more sentences that say what a row is.
    pub doc: &'static str,
    /// Raised when a nullable column is added at the end.
    pub minor: u32,
    /// The columns that name a row; rows are sorted by them.
    pub key: &'static [&'static str],
    /// When its file is there.
    pub presence: Presence,
    /// The columns, in the file's order.
    pub columns: &'static [ColumnSchema],
}

/// When the file of a table is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Always, with rows or without.
    Always,
    /// Always now, and not in folders that are older than the table.
    Later,
    /// Where it has rows.
    Filled,
}

/// One column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnSchema {
    /// The column's name, snake_case.
    pub name: &'static str,
    /// The heading that it stands under in `results/README.md`.
    pub group: &'static str,
    /// The column's type.
    pub kind: ColumnKind,
    /// Whether it may hold nulls, which mean "not measured" or "does not apply".
    pub nullable: bool,
    /// The unit; empty where there is none.
    pub unit: &'static str,
    /// One sentence that says what is in it.
    pub doc: &'static str,
}

impl TableSchema {
    /// The id stored in the file's metadata, such as `trials/1.0`.
    pub fn id(&self) -> String {
        format!("{}/{SCHEMA_MAJOR}.{}", self.name, self.minor)
    }

    /// The name of the table's file, such as `trials.parquet`.
    pub fn file_name(&self) -> String {
        format!("{}.parquet", self.name)
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&'static ColumnSchema> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// A row of one of the tables.
pub trait Row: Clone + std::fmt::Debug + Default + PartialEq + Send + Sync + 'static {
    /// The table that the row belongs to.
    const SCHEMA: TableSchema;

    /// The cells, in the schema's order.
    fn values(&self) -> Vec<Value>;

    /// Builds a row from cells in the schema's order.
    ///
    /// # Errors
    ///
    /// [`Error::Cell`] when a cell's type is not its column's.
    fn from_values(values: Vec<Value>) -> Result<Self, Error>;

    /// The order of rows in a file: by key.
    fn key_order(&self, other: &Self) -> Ordering;

    /// Puts one cell in its column by name; false for a name that the table does not have, or a cell
    /// of another type.
    fn set(&mut self, column: &str, value: Value) -> bool;

    /// One cell by its column's name; `None` for a name that the table does not have.
    fn value(&self, column: &str) -> Option<Value>;
}
