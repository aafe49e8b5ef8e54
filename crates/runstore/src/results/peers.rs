//! The results folder of the benchmark beside other programs.

use std::collections::BTreeMap;
use std::path::Path;

use super::switch::Switch;
use super::{ResultsWriter, lock_folder};
use crate::Error;
use crate::parquet::read_table;
use crate::tables::{PeerRow, Row};

/// Writes the benchmark's table and the text beside it. `merge` gets the rows that are there and
/// gives those that shall be, and the text of these.
///
/// # Errors
///
/// When a file cannot be read or written, or two rows have one key.
pub fn update_peers(
    folder: &Path,
    merge: impl FnOnce(Vec<PeerRow>) -> (Vec<PeerRow>, String),
) -> Result<Vec<PeerRow>, Error> {
    let mut writer = ResultsWriter::create(folder)?;
    let (rows, text) = merge(table(folder)?);
    writer.put_table(&rows, &mut BTreeMap::new())?;
    writer.put("peers.md", text.as_bytes())?;
    writer.commit()?;
    Ok(rows)
}

/// Reads the benchmark's table; empty where there is none yet.
///
/// # Errors
///
/// When the file is damaged or of another schema.
pub fn read_peers(folder: &Path) -> Result<Vec<PeerRow>, Error> {
    let _lock = lock_folder(folder, false);
    table(folder)
}

fn table(folder: &Path) -> Result<Vec<PeerRow>, Error> {
    let path = Switch::of(folder)?.path(&PeerRow::SCHEMA.file_name());
    if path.exists() {
        read_table(&path, None)
    } else {
        Ok(Vec::new())
    }
}
