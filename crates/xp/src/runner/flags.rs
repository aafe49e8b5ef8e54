//! What processes are told that run trials of an opened sweep.

use std::ffi::OsString;

use crate::{
    cli::{Places, Select},
    session::Session,
};

/// The flags beside the sweep and its trials.
pub(crate) fn flags(session: &Session, select: &Select, places: &Places) -> Vec<OsString> {
    let mut flags: Vec<OsString> = Vec::new();
    let mut add = |flag: &str, value: OsString| {
        let mut joined = OsString::from(flag);
        joined.push("=");
        joined.push(value);
        flags.push(joined);
    };
    add("--scale", session.sweep.scale.clone().into());
    add("--device", session.device.to_string().into());
    add("--data-dir", session.data.path.clone().into());
    add("--work", places.work.clone().into());
    add("--results", places.results.clone().into());
    for set in &select.set {
        add("--set", set.into());
    }
    flags
}
