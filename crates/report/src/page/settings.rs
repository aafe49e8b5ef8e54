//! The settings that all cells share.

use runstore::tables::{Row, TrialRow};

use crate::axes::axis_label;
use crate::cells::Cell;

/// Columns of the group that say which trial it is.
const NO_SETTINGS: [&str; 2] = ["seed", "settings"];

/// Names and values of what is the same in every cell, in the order of the columns.
pub(super) fn shared(cells: &[Cell]) -> Vec<(String, String)> {
    let Some(first) = cells.first() else {
        return Vec::new();
    };
    let columns = TrialRow::SCHEMA.columns.iter();
    let settings = columns
        .filter(|column| column.group.starts_with("Settings"))
        .map(|column| column.name)
        .filter(|name| !NO_SETTINGS.contains(name));
    settings
        .filter_map(|name| {
            let own = first.setting(name).text;
            let is_shared = cells.iter().all(|cell| cell.setting(name).text == own);
            (is_shared && own != "none").then(|| (axis_label(name), own))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{sample, summary};

    #[test]
    fn what_varies_is_not_shared() {
        let cells = summary(&sample::unified(), sample::names);
        let shared = shared(&cells);
        let of = |name: &str| shared.iter().find(|own| own.0 == name);
        assert_eq!(of("corpus").map(|own| own.1.as_str()), Some("tinystories"));
        assert_eq!(of("strategy"), None);
        assert_eq!(of("capacity factor"), None);
    }
}
