//! `[axes]`: which settings vary, and over which values.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::{
    problem::{Problem, Problems},
    source::{Node, Span, Tree},
    suggest::closest,
    tree::join,
};
use crate::jobs::JobKind;

/// One setting that varies.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// The name it was given in the file.
    pub(crate) name: String,
    /// The dotted path of the setting.
    pub(crate) path: String,
    /// Where the name stands.
    pub(crate) key: Span,
    /// The values in the order of the file.
    pub(crate) values: Vec<Node>,
}

/// Reads the axes in the order in which they are written.
pub(crate) fn read(tree: &Tree, job: JobKind, problems: &mut Problems) -> Vec<Axis> {
    let Some(node) = tree.get("axes") else {
        return Vec::new();
    };
    let DeValue::Table(table) = node.get_ref() else {
        let help = "write `[axes]` and under it, for example, `capacity-factor = [1.0, 1.25]`";
        problems.at(node.span(), "`axes` must be a table of lists", help);
        return Vec::new();
    };
    let mut axes = Vec::new();
    collect(table, "", job, &mut axes, problems);
    axes.sort_by_key(|axis| axis.key.start);
    check_twice(&axes, problems);
    axes
}

fn collect(
    table: &Tree,
    prefix: &str,
    job: JobKind,
    axes: &mut Vec<Axis>,
    problems: &mut Problems,
) {
    for (key, value) in table {
        let name = join(prefix, key.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => collect(inner, &name, job, axes, problems),
            DeValue::Array(items) if items.is_empty() => problems.at(
                value.span(),
                format!("axis `{name}` is empty, so there is nothing to run"),
                "give it at least one value, or remove it",
            ),
            DeValue::Array(items) => {
                let Some(path) = path_of(&name, job, key.span(), problems) else {
                    continue;
                };
                let values = items.iter().cloned().collect();
                axes.push(Axis {
                    name,
                    path,
                    key: key.span(),
                    values,
                });
            }
            other => problems.at(
                value.span(),
                format!(
                    "axis `{name}` must be a list of values, found {}",
                    other.type_str()
                ),
                format!("write `{name} = [...]`, or move it out of `[axes]` to fix it"),
            ),
        }
    }
}

fn path_of(name: &str, job: JobKind, span: Span, problems: &mut Problems) -> Option<String> {
    if let Some(path) = job.long_path(name) {
        return Some(path.to_owned());
    }
    let section = name.split('.').next().unwrap_or(name);
    if name.contains('.') && job.sections().contains(&section) {
        return Some(name.to_owned());
    }
    let short: Vec<_> = job.short_names().iter().map(|(short, _)| *short).collect();
    let help = match closest(name, short.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "axes of a `{}` sweep are {}, or any setting by its path, such as `{}`",
            job.name(),
            short.join(", "),
            job.short_names()[0].1,
        ),
    };
    let message = match name {
        "seed" | "seeds" => "seeds are not an axis".to_owned(),
        _ => format!("unknown axis `{name}`"),
    };
    let help = if name.starts_with("seed") {
        "write `seeds = [17, 18, 19]` at the top of the file".to_owned()
    } else {
        help
    };
    problems.at(span, message, help);
    None
}

fn check_twice(axes: &[Axis], problems: &mut Problems) {
    let mut first: BTreeMap<&str, &Axis> = BTreeMap::new();
    for axis in axes {
        if let Some(before) = first.insert(&axis.path, axis) {
            problems.add(Problem {
                message: format!(
                    "duplicate axis: `{}` and `{}` are both `{}`",
                    before.name, axis.name, axis.path
                ),
                places: vec![
                    (axis.key.clone(), "again here".into()),
                    (before.key.clone(), "first here".into()),
                ],
                help: Some("keep one of them".into()),
            });
        }
    }
}
