//! Which axis of a sweep is told by what: colour, dash and fill, place in the grid of panels.

use std::collections::BTreeSet;

use super::axis::Axis;
use super::legend::{Group, Swatch};
use super::theme::{Look, MOST_FILLS};
use crate::cells::Cell;

/// Axes that a reader compares first take the colour.
const COLOUR_FIRST: [&str; 9] = [
    "strategy",
    "scorer",
    "adapter",
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

/// How the axes of a figure are told apart. Figures of one report make it of all cells, whichever they draw, so that a
/// cell looks the same in all of them.
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
        let colour = coloured(&mut axes, &COLOUR_FIRST, cells);
        let variant = take(&mut axes, &DASH_FIRST, false);
        let columns = take(&mut axes, &COLUMNS_FIRST, true);
        Self::new(cells, colour, [None, variant, columns], &axes)
    }

    /// For dense curves: colours, and panels for the rest, the capacity factor from left to right.
    pub(super) fn panelled(cells: &[&Cell]) -> Self {
        let mut axes = varying(cells);
        let others = |axes: &Vec<String>| axes.iter().any(|axis| axis != "capacity_factor");
        let colour = if others(&axes) {
            coloured(&mut axes, &COLOUR_FIRST, cells)
        } else {
            axes.pop().map(|name| Axis::of(&name, cells))
        };
        let columns = take(&mut axes, &["capacity_factor", "experts"], true);
        Self::new(cells, colour, [None, None, columns], &axes)
    }

    /// For points in one panel: colours, fills, and markers of their own for a third axis; panels beyond that.
    pub(super) fn points(cells: &[&Cell]) -> Self {
        let mut axes = varying(cells);
        let colour = coloured(&mut axes, &["strategy", "scorer", "experts"], cells);
        let few = |axis: &String| Axis::of(axis, cells).len() <= MOST_FILLS;
        let preferred = axes
            .iter()
            .position(|axis| axis == "capacity_factor" && few(axis));
        let variant = preferred
            .or_else(|| axes.iter().position(few))
            .map(|index| axes.remove(index));
        let shape = take(&mut axes, &["top_k"], true);
        let columns = take(&mut axes, &COLUMNS_FIRST, true);
        Self::new(cells, colour, [shape, variant, columns], &axes)
    }

    fn new(
        cells: &[&Cell],
        colour: Option<Axis>,
        roles: [Option<String>; 3],
        rows: &[String],
    ) -> Self {
        let axis = |name: &String| Axis::of(name, cells);
        let [shape, variant, columns] = roles.map(|role| role.as_ref().map(axis));
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
        let had = |axis: &&Axis| axis.is_of(cell);
        if let Some(axis) = self.shape.as_ref().filter(had) {
            look = look.shape(axis.index(cell));
        }
        if let Some(axis) = self.variant.as_ref().filter(had) {
            look = look.variant(axis.index(cell), axis.len());
        }
        look
    }

    /// The place of the cell's series among all of its panel, for lines that are set a little apart.
    pub(super) fn order(&self, cell: &Cell) -> (usize, usize) {
        let index = |axis: &Option<Axis>| {
            axis.as_ref()
                .map_or((0, 1), |axis| (axis.index(cell), axis.len()))
        };
        let (colour, colours) = index(&self.colour);
        let (variant, variants) = index(&self.variant);
        (colour * variants + variant, colours * variants)
    }

    /// What a legend must name where these cells are drawn.
    pub(super) fn legend(&self, swatch: Swatch, cells: &[&Cell]) -> Vec<Group> {
        let mut groups = Vec::new();
        let mut group = |axis: &Axis, look: &dyn Fn(usize) -> Look| {
            let is_drawn = |index: usize| {
                let mut own = cells.iter().filter(|cell| axis.is_told(cell));
                own.any(|cell| axis.index(cell) == index)
            };
            let entries = axis.entries().into_iter().enumerate();
            let drawn = entries.filter(|(index, _)| is_drawn(*index));
            let entries: Vec<_> = drawn.map(|(index, name)| (look(index), name)).collect();
            if !entries.is_empty() {
                groups.push(Group {
                    title: axis.title(),
                    swatch,
                    entries,
                });
            }
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
            group(axis, &|index| Look::PLAIN.grey().variant(index, axis.len()));
        }
        groups
    }

    /// How many panels stand side by side.
    pub(super) fn column_count(&self) -> usize {
        self.columns.as_ref().map_or(1, Axis::len)
    }

    /// The panels, row by row. What lacks their setting, a dense network, is in each of them.
    pub(super) fn panels<'a>(&self, cells: &[&'a Cell]) -> Vec<Panel<'a>> {
        let axes: Vec<&Axis> = self.rows.iter().chain(&self.columns).collect();
        let place = |cell: &Cell| -> Vec<usize> {
            let index = |axis: &&Axis| axis.index(cell);
            axes.iter().map(index).collect()
        };
        let has_all = |cell: &&&Cell| axes.iter().all(|axis| axis.is_of(cell));
        let places: BTreeSet<Vec<usize>> = cells
            .iter()
            .filter(has_all)
            .map(|cell| place(cell))
            .collect();
        let is_in = |cell: &Cell, indices: &[usize]| {
            let mut pairs = axes.iter().zip(indices);
            pairs.all(|(axis, &index)| !axis.is_of(cell) || axis.index(cell) == index)
        };
        let panel = |indices: &Vec<usize>| {
            let labels = axes
                .iter()
                .zip(indices)
                .map(|(axis, &index)| axis.label(index));
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
        .filter(|name| Axis::of(name, cells).len() > 1)
        .collect()
}

/// The axis that takes the colour, with those that it is not crossed with.
fn coloured(axes: &mut Vec<String>, preferred: &[&str], cells: &[&Cell]) -> Option<Axis> {
    let name = take(axes, preferred, true)?;
    Some(Axis::of_uncrossed(&name, axes, cells))
}

/// Takes the first of the preferred axes that is there, or any where `any` is enough.
fn take(axes: &mut Vec<String>, preferred: &[&str], any: bool) -> Option<String> {
    let found = preferred
        .iter()
        .find_map(|&name| axes.iter().position(|axis| axis == name));
    let index = found.or_else(|| (any && !axes.is_empty()).then_some(0))?;
    Some(axes.remove(index))
}
