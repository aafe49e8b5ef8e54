//! `[compare]`: the cell that all others are compared with, and the measure that they are ranked by.

use report::Headline;
use toml::de::DeValue;

use super::{cell::NamedCell, problem::Problems, source::Tree, suggest::closest};
use crate::jobs::JobKind;

const HELP: &str =
    "write, for example, `baseline = { strategy = \"soft-top-k\", capacity-factor = 1.25 }`";
const KEYS: [&str; 2] = ["baseline", "measure"];

/// How the cells of a sweep are held against each other. It changes no trial.
#[derive(Debug, Clone, Default)]
pub(super) struct Compare {
    /// The cell that others are compared with.
    pub(super) baseline: Option<NamedCell>,
    /// The column that cells are ranked by.
    pub(super) measure: Option<&'static str>,
}

/// Reads the table; what is not there, or wrong, in which case that is added, is `None`.
pub(super) fn read(tree: &Tree, job: JobKind, problems: &mut Problems) -> Compare {
    let Some(node) = tree.get("compare") else {
        return Compare::default();
    };
    let DeValue::Table(table) = node.get_ref() else {
        problems.at(node.span(), "`compare` must be a table", HELP);
        return Compare::default();
    };
    for key in table.keys().filter(|key| !KEYS.contains(&&**key.get_ref())) {
        let name = key.get_ref();
        let help = match closest(name, KEYS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => HELP.to_owned(),
        };
        problems.at(key.span(), format!("unknown key `compare.{name}`"), help);
    }
    Compare {
        baseline: baseline(table, job, problems),
        measure: measure(table, problems),
    }
}

fn baseline(table: &Tree, job: JobKind, problems: &mut Problems) -> Option<NamedCell> {
    let node = table.get("baseline")?;
    let DeValue::Table(cell) = node.get_ref() else {
        problems.at(node.span(), "`compare.baseline` must be a table", HELP);
        return None;
    };
    NamedCell::read("compare.baseline", (cell, node.span()), job, problems)
}

fn measure(table: &Tree, problems: &mut Problems) -> Option<&'static str> {
    let node = table.get("measure")?;
    let DeValue::String(name) = node.get_ref() else {
        let help = "write, for example, `measure = \"bits_per_byte\"`";
        problems.at(
            node.span(),
            "`compare.measure` must be the name of a column",
            help,
        );
        return None;
    };
    let found = Headline::of_column(name).map(|own| own.column);
    if found.is_none() {
        let all: Vec<&str> = Headline::columns().collect();
        let help = match closest(name, all.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("cells can be ranked by `{}`", all.join("`, `")),
        };
        let message = format!("cells cannot be ranked by `{name}`");
        problems.at(node.span(), message, help);
    }
    found
}
