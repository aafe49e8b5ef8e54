//! Claims as locks of the file system, and the gate before them.
//!
//! Whoever only looks whether a claim is held must lock it for a moment, and a runner that tried in that moment would
//! wrongly go away. So both lock the gate around their attempt, and wait for it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::Holder;
use crate::Error;
use crate::store::layout::Layout;

/// A claim's lock. Dropping it frees the claim; so does the end of the process.
#[derive(Debug)]
pub(in crate::store) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file would do, were it not for a child process caught between fork and exec,
        // which holds a copy of the handle for a moment. Not reported: closing follows.
        let _ = self.file.unlock();
    }
}

/// Takes the claim; `None` when another holds it.
pub(super) fn take(layout: &Layout, name: &str) -> Result<Option<Lock>, Error> {
    let _gate = enter_gate(layout)?;
    take_inside_gate(layout, name)
}

/// Runs something while nobody holds or takes the claim; `None` when another holds it.
///
/// The gate stays closed meanwhile, so that a runner waits instead of finding the claim held.
pub(super) fn while_free<T>(
    layout: &Layout,
    name: &str,
    run: impl FnOnce() -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    let _gate = enter_gate(layout)?;
    match take_inside_gate(layout, name)? {
        Some(_lock) => run().map(Some),
        None => Ok(None),
    }
}

/// Runs something while nobody else is inside the gate.
pub(super) fn gated<T>(
    layout: &Layout,
    run: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    let _gate = enter_gate(layout)?;
    run()
}

/// Who holds the claim now; `None` when nobody does. Works on a folder that may not be written.
pub(super) fn holder(layout: &Layout, name: &str) -> Result<Option<Holder>, Error> {
    let path = layout.claim(name);
    let Some(mut file) = open_if_there(&path)? else {
        return Ok(None);
    };
    let gate_path = layout.gate();
    let gate = open_if_there(&gate_path)?;
    if let Some(gate) = &gate {
        gate.lock()
            .map_err(|source| Error::read(&gate_path, source))?;
    }
    let gate = gate.map(|file| Lock { file });
    match file.try_lock_shared() {
        Ok(()) => {
            drop(Lock { file });
            Ok(None)
        }
        Err(TryLockError::WouldBlock) => {
            drop(gate);
            let mut text = String::new();
            // The number is for people only: a claim without it is a claim all the same.
            let _ = file.read_to_string(&mut text);
            Ok(Some(Holder {
                pid: text.trim().parse().ok(),
                host: None,
            }))
        }
        Err(TryLockError::Error(source)) => Err(Error::read(&path, source)),
    }
}

fn enter_gate(layout: &Layout) -> Result<Lock, Error> {
    let path = layout.gate();
    let file = open(&path)?;
    file.lock().map_err(|source| Error::write(&path, source))?;
    Ok(Lock { file })
}

fn take_inside_gate(layout: &Layout, name: &str) -> Result<Option<Lock>, Error> {
    let path = layout.claim(name);
    let file = open(&path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(source)) => return Err(Error::write(&path, source)),
    }
    let mut lock = Lock { file };
    let note = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    note(&mut lock.file).map_err(|source| Error::write(&path, source))?;
    Ok(Some(lock))
}

fn open(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|source| Error::write(path, source))
}

fn open_if_there(path: &Path) -> Result<Option<File>, Error> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::read(path, source)),
    }
}
