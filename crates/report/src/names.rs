//! Short names, each in the place of a column whose settings take a whole table to say.

use std::collections::BTreeMap;

use runstore::tables::TrialRow;

/// Short names by the column in whose place they are shown: `PERFT-R 2 of 4, r 8` for `adapter`.
pub type Names = BTreeMap<&'static str, String>;

/// Finds the short names of a row. Tables hold settings as JSON; what a job calls them, the program knows that runs it.
pub type Naming = fn(&TrialRow) -> Names;

/// The naming of tables that are shown as they are.
pub fn unnamed(_: &TrialRow) -> Names {
    Names::new()
}

/// A row with its short names.
#[derive(Debug)]
pub(crate) struct NamedRow<'a> {
    pub(crate) row: &'a TrialRow,
    pub(crate) names: Names,
}

#[cfg(test)]
impl<'a> NamedRow<'a> {
    /// A row without short names.
    pub(crate) fn plain(row: &'a TrialRow) -> Self {
        let names = Names::new();
        Self { row, names }
    }
}
