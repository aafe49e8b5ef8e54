//! `[axes]`: which settings vary, and over which values.
//!
//! A table is one grid, whose points are all combinations of its values. A list of tables is several
//! grids, one after another: what one of them does not vary has the value of the rest of the file.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::{
    problem::{Problem, Problems},
    range::{self, Range},
    source::{Node, Span, Tree},
    suggest::closest,
    tree::{join, too_deep},
};
use crate::{jobs::JobKind, schema::SettingsSchema};

const HELP: &str = "write `[axes]`, or `[[axes]]` for each of several grids, and under it, for \
                    example, `capacity-factor = [1.0, 1.25]`";

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
    /// What they are the steps of; without steps there are no values yet.
    pub(super) range: Option<Range>,
}

/// Axes of which every combination is a point; without any, one point.
pub(crate) type Grid = Vec<Axis>;

/// Reads the grids in the order in which they are written. A file without axes has one point.
pub(crate) fn read(tree: &Tree, job: JobKind, problems: &mut Problems) -> Vec<Grid> {
    let Some(node) = tree.get("axes") else {
        return vec![Grid::new()];
    };
    let items = match node.get_ref() {
        DeValue::Array(items) if items.is_empty() => {
            let message = "`axes` has no grids, so there is nothing to run";
            problems.at(node.span(), message, HELP);
            return Vec::new();
        }
        DeValue::Array(items) => items.iter().collect(),
        _ => vec![node],
    };
    let mut grids = Vec::new();
    for item in items {
        match item.get_ref() {
            DeValue::Table(table) => grids.push(grid(table, job, problems)),
            _ => problems.at(
                item.span(),
                "`axes` must be a table of lists, or several",
                HELP,
            ),
        }
    }
    grids
}

/// Takes a table of axes out of what is to be laid over a list of grids: its axes are given anew to
/// the grids that have them, by [`replace`]. A list takes the place of everything before it.
pub(crate) fn take(
    base: &Tree,
    over: &mut Tree,
    job: JobKind,
    anew: &mut Vec<Axis>,
    problems: &mut Problems,
) {
    let is_list = |tree: &Tree| {
        let node = tree.get("axes")?;
        Some(matches!(node.get_ref(), DeValue::Array(_)))
    };
    match (is_list(base), is_list(over)) {
        (_, Some(true)) => anew.clear(),
        (Some(true), Some(false)) => {
            anew.extend(read(over, job, problems).concat());
            over.remove("axes");
        }
        _ => {}
    }
}

/// Gives axes other values in the grids that have them.
pub(crate) fn replace(grids: &mut [Grid], anew: Vec<Axis>, problems: &mut Problems) {
    for axis in anew {
        let mut found = false;
        for own in grids.iter_mut().flatten() {
            if own.path == axis.path {
                own.values.clone_from(&axis.values);
                own.range.clone_from(&axis.range);
                found = true;
            }
        }
        if !found {
            problems.at(
                axis.key,
                format!("none of the grids in `axes` has the axis `{}`", axis.name),
                "add it to a grid of the file, or give all grids anew: `axes = [{ ... }, { ... }]`",
            );
        }
    }
}

/// The axes of all grids by the name that each has first.
pub(crate) fn union(grids: &[Grid]) -> Vec<&Axis> {
    let mut axes: Vec<&Axis> = Vec::new();
    for axis in grids.iter().flatten() {
        if axes.iter().all(|known| known.path != axis.path) {
            axes.push(axis);
        }
    }
    axes
}

fn grid(table: &Tree, job: JobKind, problems: &mut Problems) -> Grid {
    let mut axes = Grid::new();
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
            DeValue::Table(table) if range::is_range(table) => {
                axes.extend(by_its_ends(name, (key.span(), value), job, problems));
            }
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
                    range: None,
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

/// An axis that is given as a range.
fn by_its_ends(
    name: String,
    (key, node): (Span, &Node),
    job: JobKind,
    problems: &mut Problems,
) -> Option<Axis> {
    let path = path_of(&name, job, key.clone(), problems)?;
    let Some(number) = SettingsSchema::of(job).number_at(&path) else {
        let message = format!("axis `{name}` is no number, so that it has no range");
        problems.at(node.span(), message, format!("write `{name} = [...]`"));
        return None;
    };
    let range = Range::read(&name, node, number, problems)?;
    Some(Axis {
        name,
        path,
        key,
        values: if range.is_drawn() {
            Vec::new()
        } else {
            range.values()
        },
        range: Some(range),
    })
}

/// The path that an axis' name stands for; a problem where it stands for none.
pub(crate) fn path_of(
    name: &str,
    job: JobKind,
    span: Span,
    problems: &mut Problems,
) -> Option<String> {
    if let Some(path) = job.long_path(name) {
        return Some(path.to_owned());
    }
    if let Some(message) = too_deep(name) {
        problems.at(span, message, "name a setting, for example `train.steps`");
        return None;
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
