//! Which axis of a sweep is told by what: colour, dash and fill, place in the grid of panels.

use std::collections::BTreeSet;

use super::legend::{Group, Swatch};
use super::theme::{Look, MOST_FILLS};
use crate::report::axes::{Setting, axis_label, is_dense, value_label};
use crate::report::cells::Cell;

/// Axes that a reader compares first take the colour.
const COLOUR_FIRST: [&str; 8] = [
    "strategy",
    "scorer",
    "top_k",
    "balancer",
    "dispatch",
    "drop_policy",
    "experts",
    "packing",
];

/// Axes of few values that tell the same thing in two ways take the dash.
const DASH_FIRST: [&str; 6] = [
    "packing",
    "dispatch",
    "drop_policy",
    "renormalise",
    "precision",
    "top_k",
];

/// Axes that make a good row of panels, left to right.
const COLUMNS_FIRST: [&str; 3] = ["experts", "capacity_factor", "load_shape"];

/// The strategies' own colours: the same in every figure of every sweep.
const STRATEGY_COLOURS: [&str; 6] = [
    "top1",
    "hard-top-k",
    "soft-top-k",
    "hash",
    "expert-choice",
    "random",
];

/// An axis and the values it takes, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    name: String,
    values: Vec<Setting>,
}

impl Axis {
    fn of(name: &str, cells: &[&Cell]) -> Self {
        let mut values: Vec<Setting> = Vec::new();
        for cell in cells.iter().filter(|cell| cell.has(name)) {
            let setting = cell.setting(name);
            if !values.contains(&setting) {
                values.push(setting);
            }
        }
        values.sort_by(Setting::order);
        Self {
            name: name.to_owned(),
            values,
        }
    }

    fn index(&self, cell: &Cell) -> usize {
        let setting = cell.setting(&self.name);
        self.values
            .iter()
            .position(|value| *value == setting)
            .unwrap_or(0)
    }

    /// What a value looks like by its colour and marker; dense networks have marks of their own.
    fn look(&self, index: usize) -> Look {
        match (self.name.as_str(), self.values[index].text.as_str()) {
            ("strategy", "dense-total") => Look::dense(None),
            ("strategy", dense) if is_dense(dense) => {
                let smaller = self.values[..index]
                    .iter()
                    .filter(|value| is_dense(&value.text));
                Look::dense(Some(smaller.count()))
            }
            _ => Look::PLAIN.hue(self.hue(index)),
        }
    }

    /// The colour of a value; strategies keep theirs whichever of them are in the sweep.
    fn hue(&self, index: usize) -> usize {
        if self.name != "strategy" {
            return index;
        }
        let known = |text: &str| STRATEGY_COLOURS.iter().position(|&name| name == text);
        known(&self.values[index].text).unwrap_or_else(|| {
            let newcomers = self.values[..index]
                .iter()
                .filter(|value| known(&value.text).is_none() && !is_dense(&value.text));
            STRATEGY_COLOURS.len() + newcomers.count()
        })
    }
}

/// How the axes of a figure are told apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Encoding {
    colour: Option<Axis>,
    shape: Option<Axis>,
    variant: Option<Axis>,
    columns: Option<Axis>,
    rows: Vec<Axis>,
}

/// The cells that share a panel.
pub(super) struct Panel<'a> {
    /// What they share, in words; empty where there is one panel only.
    pub(super) title: String,
    /// The cells.
    pub(super) cells: Vec<&'a Cell>,
}

impl Encoding {
    /// For lines over `abscissa`: colours, dashes, and panels for the rest.
    pub(super) fn lines(cells: &[&Cell], abscissa: &str) -> Self {
        let mut axes = varying(cells);
        axes.retain(|axis| axis != abscissa);
        let colour = take(&mut axes, &COLOUR_FIRST, true);
        let variant = take(&mut axes, &DASH_FIRST, false);
        let columns = take(&mut axes, &COLUMNS_FIRST, true);
        Self::new(cells, [colour, None, variant, columns], &axes)
    }

    /// For dense curves: colours, and panels for the rest, the capacity factor from left to right.
    pub(super) fn panelled(cells: &[&Cell]) -> Self {
        let mut axes = varying(cells);
        let others = |axes: &Vec<String>| axes.iter().any(|axis| axis != "capacity_factor");
        let colour = if others(&axes) {
            take(&mut axes, &COLOUR_FIRST, true)
        } else {
            axes.pop()
        };
        let columns = take(&mut axes, &["capacity_factor", "experts"], true);
        Self::new(cells, [colour, None, None, columns], &axes)
    }

    /// For points in one panel: colours, fills, and markers of their own for a third axis; panels beyond that.
    pub(super) fn points(cells: &[&Cell]) -> Self {
        let mut axes = varying(cells);
        let colour = take(&mut axes, &["strategy", "scorer", "experts"], true);
        let few = |axis: &String| Axis::of(axis, cells).values.len() <= MOST_FILLS;
        let preferred = axes
            .iter()
            .position(|axis| axis == "capacity_factor" && few(axis));
        let variant = preferred
            .or_else(|| axes.iter().position(few))
            .map(|index| axes.remove(index));
        let shape = take(&mut axes, &["top_k"], true);
        let columns = take(&mut axes, &COLUMNS_FIRST, true);
        Self::new(cells, [colour, shape, variant, columns], &axes)
    }

    fn new(cells: &[&Cell], roles: [Option<String>; 4], rows: &[String]) -> Self {
        let axis = |name: &String| Axis::of(name, cells);
        let [colour, shape, variant, columns] = roles.map(|role| role.as_ref().map(axis));
        Self {
            colour,
            shape,
            variant,
            columns,
            rows: rows.iter().map(axis).collect(),
        }
    }

    /// What the cell's line or point looks like.
    pub(super) fn look(&self, cell: &Cell) -> Look {
        let mut look = Look::PLAIN;
        if let Some(axis) = &self.colour {
            look = axis.look(axis.index(cell));
        }
        let had = |axis: &&Axis| cell.has(&axis.name);
        if let Some(axis) = self.shape.as_ref().filter(had) {
            look = look.shape(axis.index(cell));
        }
        if let Some(axis) = self.variant.as_ref().filter(had) {
            look = look.variant(axis.index(cell), axis.values.len());
        }
        look
    }

    /// The place of the cell's series among all of its panel, for lines that are set a little apart.
    pub(super) fn order(&self, cell: &Cell) -> (usize, usize) {
        let index = |axis: &Option<Axis>| {
            axis.as_ref()
                .map_or((0, 1), |axis| (axis.index(cell), axis.values.len()))
        };
        let (colour, colours) = index(&self.colour);
        let (variant, variants) = index(&self.variant);
        (colour * variants + variant, colours * variants)
    }

    /// What a legend must name.
    pub(super) fn legend(&self, swatch: Swatch) -> Vec<Group> {
        let mut groups = Vec::new();
        let mut group = |axis: &Axis, look: &dyn Fn(usize) -> Look| {
            let entry = |(index, value): (usize, &Setting)| {
                (look(index), bare_label(&axis.name, &value.text))
            };
            let entries = axis.values.iter().enumerate().map(entry).collect();
            groups.push(Group {
                title: axis_label(&axis.name),
                swatch,
                entries,
            });
        };
        if let Some(axis) = &self.colour {
            let shaped = self.shape.is_some();
            group(axis, &|index| {
                let look = axis.look(index);
                if shaped { look.shape(0) } else { look }
            });
        }
        if let Some(axis) = &self.shape {
            group(axis, &|index| Look::PLAIN.grey().shape(index));
        }
        if let Some(axis) = &self.variant {
            group(axis, &|index| {
                Look::PLAIN.grey().variant(index, axis.values.len())
            });
        }
        groups
    }

    /// The axes that a direct label beside a point names.
    pub(super) fn names(&self, axis: &str) -> bool {
        [&self.colour, &self.shape, &self.variant]
            .into_iter()
            .flatten()
            .any(|own| own.name == axis)
    }

    /// How many panels stand side by side.
    pub(super) fn column_count(&self) -> usize {
        self.columns.as_ref().map_or(1, |axis| axis.values.len())
    }

    /// The panels, row by row. What lacks their setting, a dense network, is in each of them.
    pub(super) fn panels<'a>(&self, cells: &[&'a Cell]) -> Vec<Panel<'a>> {
        let axes: Vec<&Axis> = self.rows.iter().chain(&self.columns).collect();
        let place = |cell: &Cell| -> Vec<usize> {
            let index = |axis: &&Axis| axis.index(cell);
            axes.iter().map(index).collect()
        };
        let has_all = |cell: &&&Cell| axes.iter().all(|axis| cell.has(&axis.name));
        let places: BTreeSet<Vec<usize>> = cells
            .iter()
            .filter(has_all)
            .map(|cell| place(cell))
            .collect();
        let is_in = |cell: &Cell, indices: &[usize]| {
            let mut pairs = axes.iter().zip(indices);
            pairs.all(|(axis, &index)| !cell.has(&axis.name) || axis.index(cell) == index)
        };
        let panel = |indices: &Vec<usize>| {
            let labels = axes
                .iter()
                .zip(indices)
                .map(|(axis, &index)| value_label(&axis.name, &axis.values[index].text));
            Panel {
                title: labels.rev().collect::<Vec<_>>().join(", "),
                cells: cells
                    .iter()
                    .copied()
                    .filter(|cell| is_in(cell, indices))
                    .collect(),
            }
        };
        places.iter().map(panel).collect()
    }
}

/// The cells of a panel by series, each in the order of its abscissa.
pub(super) fn lines<'a>(
    encoding: &Encoding,
    cells: &[&'a Cell],
    abscissa: &str,
) -> Vec<Vec<&'a Cell>> {
    let mut orders: Vec<(usize, usize)> = cells.iter().map(|cell| encoding.order(cell)).collect();
    orders.sort_unstable();
    orders.dedup();
    let line = |order: &(usize, usize)| {
        let mut line: Vec<&Cell> = cells
            .iter()
            .copied()
            .filter(|cell| encoding.order(cell) == *order)
            .collect();
        line.sort_by(|a, b| a.setting(abscissa).order(&b.setting(abscissa)));
        line
    };
    orders.iter().map(line).collect()
}

/// The axes on which these cells differ.
fn varying(cells: &[&Cell]) -> Vec<String> {
    let Some(first) = cells.first() else {
        return Vec::new();
    };
    let names = first.axes.iter().map(|value| value.axis.clone());
    names
        .filter(|name| Axis::of(name, cells).values.len() > 1)
        .collect()
}

/// Takes the first of the preferred axes that is there, or any where `any` is enough.
fn take(axes: &mut Vec<String>, preferred: &[&str], any: bool) -> Option<String> {
    let found = preferred
        .iter()
        .find_map(|&name| axes.iter().position(|axis| axis == name));
    let index = found.or_else(|| (any && !axes.is_empty()).then_some(0))?;
    Some(axes.remove(index))
}

/// A value in a legend whose heading names the axis.
fn bare_label(axis: &str, value: &str) -> String {
    match axis {
        "capacity_factor" | "experts" | "top_k" | "packing" | "dispatch" | "load_shape"
        | "balancer" => value.to_owned(),
        _ => value_label(axis, value)
            .trim_start_matches(&format!("{} ", axis_label(axis)))
            .to_owned(),
    }
}
