//! One name for a whole table of settings, where its single settings would need many columns.

use report::Names;
use runstore::tables::TrialRow;
use serde_json::Value;

use super::JobKind;

/// The name of a table of a job's settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShortName {
    /// The column of `trials.parquet` in whose place reports have the name.
    pub(crate) column: &'static str,
    /// The table; the name stands for all settings in it.
    pub(crate) table: &'static str,
    /// The name, of what the table holds; `None` for what is no such table.
    pub(super) of: fn(&Value) -> Option<String>,
}

/// What the row's job calls tables of its settings, by the column that reports have the name in.
pub(crate) fn short_names(row: &TrialRow) -> Names {
    let called = JobKind::from_name(&row.job).map_or(&[][..], |job| job.facts().called);
    if called.is_empty() {
        return Names::new();
    }
    let document: Value = serde_json::from_str(&row.settings).unwrap_or_default();
    let settings = &document["settings"];
    let name = |short: &ShortName| Some((short.column, short.of_settings(settings)?));
    called.iter().filter_map(name).collect()
}

impl ShortName {
    /// The name in the settings of a trial.
    pub(crate) fn of_settings(&self, settings: &Value) -> Option<String> {
        (self.of)(settings.get(self.table)?)
    }

    /// Whether it tells the setting at a dotted path.
    pub(crate) fn tells(&self, path: &str) -> bool {
        let below = path.strip_prefix(self.table);
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}
