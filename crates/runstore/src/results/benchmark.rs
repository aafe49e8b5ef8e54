//! The results folder of a benchmark: one table, and files for reading beside it.

use std::collections::BTreeMap;
use std::path::Path;

use super::switch::Switch;
use super::{ResultsWriter, lock_folder};
use crate::Error;
use crate::parquet::read_table;
use crate::tables::Row;

/// Writes a benchmark's table and the files beside it, by their names. `merge` gets the rows that are there and
/// gives those that shall be, and what is to be read of these.
///
/// # Errors
///
/// When a file cannot be read or written, or two rows have one key.
pub fn update_benchmark<R: Row>(
    folder: &Path,
    merge: impl FnOnce(Vec<R>) -> (Vec<R>, Vec<(String, String)>),
) -> Result<Vec<R>, Error> {
    let mut writer = ResultsWriter::create(folder)?;
    let (rows, files) = merge(table(folder)?);
    writer.put_table(&rows, &mut BTreeMap::new())?;
    for (name, text) in files {
        writer.put(&name, text.as_bytes())?;
    }
    writer.commit()?;
    Ok(rows)
}

/// Reads a benchmark's table; empty where there is none yet.
///
/// # Errors
///
/// When the file is damaged or of another schema.
pub fn read_benchmark<R: Row>(folder: &Path) -> Result<Vec<R>, Error> {
    let _lock = lock_folder(folder, false);
    table(folder)
}

fn table<R: Row>(folder: &Path) -> Result<Vec<R>, Error> {
    let path = Switch::of(folder)?.path(&R::SCHEMA.file_name());
    if path.exists() {
        read_table(&path, None)
    } else {
        Ok(Vec::new())
    }
}
