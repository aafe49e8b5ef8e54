//! `[compare]`: the cell that all others are compared with.

use toml::de::DeValue;

use super::{cell::NamedCell, problem::Problems, source::Tree, suggest::closest};
use crate::jobs::JobKind;

const HELP: &str =
    "write, for example, `baseline = { strategy = \"soft-top-k\", capacity-factor = 1.25 }`";

/// Reads the table; a file without one, or whose mistakes were added, has no baseline.
pub(super) fn read(tree: &Tree, job: JobKind, problems: &mut Problems) -> Option<NamedCell> {
    let node = tree.get("compare")?;
    let DeValue::Table(table) = node.get_ref() else {
        problems.at(node.span(), "`compare` must be a table", HELP);
        return None;
    };
    for key in table.keys().filter(|key| key.get_ref() != "baseline") {
        let name = key.get_ref();
        let help = match closest(name, ["baseline"]) {
            Some(near) => format!("did you mean `{near}`?"),
            None => HELP.to_owned(),
        };
        problems.at(key.span(), format!("unknown key `compare.{name}`"), help);
    }
    let node = table.get("baseline")?;
    let DeValue::Table(cell) = node.get_ref() else {
        problems.at(node.span(), "`compare.baseline` must be a table", HELP);
        return None;
    };
    NamedCell::read("compare.baseline", (cell, node.span()), job, problems)
}
