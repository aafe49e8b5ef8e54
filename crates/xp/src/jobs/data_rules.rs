//! Rules between settings and the data that they name, held against the files before anything runs.

use corpora::DataDir;

use super::{memo::Memo, settings::SettingProblem};

/// The data that settings are held against, and what earlier settings found in them, so that each file is read once.
pub(crate) struct DataRules<'a> {
    /// Where the data are.
    pub(crate) data: &'a DataDir,
    /// What was found, by whoever looked.
    pub(crate) found: Memo,
}

impl<'a> DataRules<'a> {
    /// Nothing is known yet.
    pub(crate) fn new(data: &'a DataDir) -> Self {
        Self {
            data,
            found: Memo::default(),
        }
    }
}

/// A text of the form `what is wrong; what to do`, at its places.
pub(super) fn problem(text: &str, paths: &[&'static str]) -> SettingProblem {
    SettingProblem::of(text, "change the setting, or name other data", paths)
}
