//! Tables to Parquet and back: the one file that knows polars.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use polars::prelude::{
    Column, DataFrame, DataType, KeyValueMetadata, ParquetCompression, ParquetReader,
    ParquetWriter, PolarsResult, SerReader,
};
use serde_json::json;

use crate::tables::{
    CELLS, CellTable, ColumnKind, ColumnSchema, Row, SCHEMA_MAJOR, TableSchema, Value,
};
use crate::{Error, canonical_json, durable};

/// The metadata key under which a file says its schema, such as `trials/1.0`.
pub const SCHEMA_KEY: &str = "switchyard.schema";

/// The metadata key under which a file carries its columns' types, units and descriptions.
pub const COLUMNS_KEY: &str = "switchyard.columns";

const REMEDY: &str = "the file is cut off or was overwritten: restore it, or delete its folder and run the sweep again";

/// Encodes rows as a Parquet file, sorted by key: equal rows give equal bytes.
pub(crate) fn encode<R: Row>(rows: &[R], path: &Path) -> Result<Vec<u8>, Error> {
    let mut order: Vec<&R> = rows.iter().collect();
    order.sort_by(|a, b| a.key_order(b));
    if let Some([row, _]) = order.array_windows().find(|[a, b]| a.key_order(b).is_eq()) {
        return Err(duplicate(*row));
    }
    let mut cells: Vec<Vec<Value>> = vec![Vec::with_capacity(order.len()); R::SCHEMA.columns.len()];
    for row in &order {
        for (column, value) in cells.iter_mut().zip(row.values()) {
            column.push(value);
        }
    }
    let columns = R::SCHEMA
        .columns
        .iter()
        .zip(cells)
        .map(|(schema, cells)| to_column(schema.name, schema.kind, cells))
        .collect();
    encode_columns(order.len(), columns, metadata(&R::SCHEMA), path)
}

/// Encodes the cells of a sweep, whose columns are the sweep's own.
pub(crate) fn encode_cells(table: &CellTable, path: &Path) -> Result<Vec<u8>, Error> {
    let kind = |cells: &[Value]| {
        let known = cells.iter().find(|cell| !cell.is_null());
        match known {
            Some(Value::Text(_)) | None => ColumnKind::Text,
            Some(Value::U64(_)) => ColumnKind::U64,
            Some(Value::Bool(_)) => ColumnKind::Bool,
            Some(_) => ColumnKind::F64,
        }
    };
    let columns = table.columns().into_iter();
    let columns = columns.map(|(name, cells)| to_column(&name, kind(&cells), cells));
    let about = vec![(SCHEMA_KEY.to_owned(), format!("{CELLS}/{SCHEMA_MAJOR}.0"))];
    encode_columns(table.rows.len(), columns.collect(), about, path)
}

fn encode_columns(
    height: usize,
    columns: Vec<Column>,
    about: Vec<(String, String)>,
    path: &Path,
) -> Result<Vec<u8>, Error> {
    let write = || -> PolarsResult<Vec<u8>> {
        let mut frame = DataFrame::new(height, columns)?;
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes)
            .with_compression(ParquetCompression::Zstd(None))
            .with_key_value_metadata(Some(KeyValueMetadata::from_static(about)))
            .finish(&mut frame)?;
        Ok(bytes)
    };
    write().map_err(|error| Error::write(path, std::io::Error::other(error.to_string())))
}

/// Decodes a Parquet file; `path` is for messages.
pub(crate) fn decode<R: Row>(bytes: Vec<u8>, path: &Path) -> Result<Vec<R>, Error> {
    // polars trusts what it reads and may panic on a damaged file; that is no bug of the caller.
    catch_unwind(AssertUnwindSafe(|| decode_trusting(bytes, path)))
        .unwrap_or_else(|_| Err(Error::corrupt(path, "its pages do not decode", REMEDY)))
}

fn decode_trusting<R: Row>(bytes: Vec<u8>, path: &Path) -> Result<Vec<R>, Error> {
    let corrupt = |error: polars::prelude::PolarsError| Error::corrupt(path, error, REMEDY);
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let pairs = reader
        .get_metadata()
        .map_err(corrupt)?
        .key_value_metadata()
        .clone();
    let found = pairs
        .into_iter()
        .flatten()
        .find(|pair| pair.key == SCHEMA_KEY)
        .and_then(|pair| pair.value);
    check_schema(&R::SCHEMA, found, path)?;
    let frame = reader.finish().map_err(corrupt)?;
    let mut columns = R::SCHEMA
        .columns
        .iter()
        .map(|column| from_column(column, &frame, path).map(Vec::into_iter))
        .collect::<Result<Vec<_>, _>>()?;
    (0..frame.height())
        .map(|_| {
            let cells = columns
                .iter_mut()
                .map(|cells| cells.next().unwrap_or(Value::Null));
            R::from_values(cells.collect())
        })
        .collect()
}

/// Writes a table with [`encode`] straight to a file and has it reach the disk; returns its digest.
pub(crate) fn write_table<R: Row>(path: &Path, rows: &[R]) -> Result<String, Error> {
    let bytes = encode(rows, path)?;
    durable::write_synced(path, &bytes)?;
    Ok(durable::digest(&bytes))
}

/// Reads a table; when a digest is given the file must have it.
pub(crate) fn read_table<R: Row>(path: &Path, digest: Option<&str>) -> Result<Vec<R>, Error> {
    let bytes = durable::read(path).map_err(|source| Error::read(path, source))?;
    if let Some(expected) = digest {
        let found = durable::digest(&bytes);
        if found != expected {
            let reason = format!(
                "its digest is {}, recorded was {}",
                &found[..12],
                &expected[..12.min(expected.len())]
            );
            return Err(Error::corrupt(path, reason, REMEDY));
        }
    }
    decode(bytes, path)
}

fn metadata(schema: &TableSchema) -> Vec<(String, String)> {
    let columns: serde_json::Map<_, _> = schema
        .columns
        .iter()
        .map(|column| {
            let about = json!({
                "type": column.kind,
                "nullable": column.nullable,
                "unit": column.unit,
                "doc": column.doc,
            });
            (column.name.to_owned(), about)
        })
        .collect();
    vec![
        (SCHEMA_KEY.to_owned(), schema.id()),
        (COLUMNS_KEY.to_owned(), canonical_json(&columns.into())),
    ]
}

/// A file is readable when it is of the same table and major version: a lower minor lacks columns
/// that are then null, a higher one has columns that are then not looked at.
fn check_schema(schema: &TableSchema, found: Option<String>, path: &Path) -> Result<(), Error> {
    let fits = found
        .as_deref()
        .and_then(|id| id.split_once('/'))
        .is_some_and(|(name, version)| {
            let major = version
                .split('.')
                .next()
                .and_then(|major| major.parse().ok());
            name == schema.name && major == Some(SCHEMA_MAJOR)
        });
    if fits {
        return Ok(());
    }
    Err(Error::Schema {
        path: path.to_owned(),
        expected: schema.id(),
        found: found.unwrap_or_else(|| format!("not given (no `{SCHEMA_KEY}` in its metadata)")),
    })
}

fn to_column(name: &str, kind: ColumnKind, cells: Vec<Value>) -> Column {
    let name = name.into();
    match kind {
        ColumnKind::Text => Column::new(
            name,
            collect(cells, |cell| match cell {
                Value::Text(x) => Some(x),
                _ => None,
            }),
        ),
        ColumnKind::U64 => Column::new(
            name,
            collect(cells, |cell| match cell {
                Value::U64(x) => Some(x),
                _ => None,
            }),
        ),
        ColumnKind::F64 => Column::new(
            name,
            collect(cells, |cell| match cell {
                Value::F64(x) => Some(x),
                _ => None,
            }),
        ),
        ColumnKind::Bool => Column::new(
            name,
            collect(cells, |cell| match cell {
                Value::Bool(x) => Some(x),
                _ => None,
            }),
        ),
    }
}

fn collect<T>(cells: Vec<Value>, pick: impl Fn(Value) -> Option<T>) -> Vec<Option<T>> {
    cells.into_iter().map(pick).collect()
}

fn from_column(schema: &ColumnSchema, frame: &DataFrame, path: &Path) -> Result<Vec<Value>, Error> {
    let wrong = |found: String| Error::Column {
        path: path.to_owned(),
        column: schema.name.to_owned(),
        expected: format!(
            "{}{}",
            schema.kind,
            if schema.nullable { " or null" } else { "" }
        ),
        found,
    };
    let Ok(column) = frame.column(schema.name) else {
        if schema.nullable {
            return Ok(vec![Value::Null; frame.height()]);
        }
        return Err(wrong("no such column".to_owned()));
    };
    if column.null_count() > 0 && !schema.nullable {
        return Err(wrong(format!("{} nulls", column.null_count())));
    }
    let mistyped = |_| wrong(kind_name(column.dtype()));
    Ok(match schema.kind {
        ColumnKind::Text => {
            let cells = column.str().map_err(mistyped)?;
            cells
                .iter()
                .map(|x| x.map_or(Value::Null, |x| Value::Text(x.to_owned())))
                .collect()
        }
        ColumnKind::U64 => {
            let cells = column.u64().map_err(mistyped)?;
            cells
                .iter()
                .map(|x| x.map_or(Value::Null, Value::U64))
                .collect()
        }
        ColumnKind::F64 => {
            let cells = column.f64().map_err(mistyped)?;
            cells
                .iter()
                .map(|x| x.map_or(Value::Null, Value::F64))
                .collect()
        }
        ColumnKind::Bool => {
            let cells = column.bool().map_err(mistyped)?;
            cells
                .iter()
                .map(|x| x.map_or(Value::Null, Value::Bool))
                .collect()
        }
    })
}

fn kind_name(dtype: &DataType) -> String {
    format!("a column of type {dtype}")
}

fn duplicate<R: Row>(row: &R) -> Error {
    let key = R::SCHEMA
        .key
        .iter()
        .filter_map(|name| row.value(name))
        .map(|cell| format!("{cell}"));
    Error::DuplicateKey {
        table: R::SCHEMA.name,
        key: key.collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests;
