//! What the figures of router jobs have in common: which cells they show, how scales are told apart.

use runstore::tables::{HistogramRow, Row};

use super::legend::{Group, Swatch};
use super::theme::Look;
use super::{Source, setup};
use crate::cells::Cell;
use crate::jobs;

/// Panels side by side.
pub(super) const COLUMNS: usize = 3;

/// One router, and its cells by input scale, the largest first; all of one batch size.
pub(super) struct RouterCells<'a> {
    /// What sets it apart.
    pub(super) name: String,
    /// The scale and the cell.
    pub(super) cells: Vec<(f64, &'a Cell)>,
}

/// The name of a cell's router: what sets it apart but the input.
pub(super) fn router_name(cell: &Cell) -> String {
    let name = cell.label_of(|axis| !["tokens", "input_scale"].contains(&axis));
    if name.is_empty() {
        cell.setting("router").text
    } else {
        name
    }
}

/// The routers of the sweep at its largest batch.
pub(super) fn routers<'a>(source: &Source<'a>) -> Vec<RouterCells<'a>> {
    let cells = || {
        let cells = source.cells.iter().copied();
        cells.filter(|cell| cell.example.job == jobs::ROUTER)
    };
    let largest = cells().filter_map(|cell| cell.example.tokens).max();
    let mut routers: Vec<RouterCells<'a>> = Vec::new();
    for cell in cells().filter(|cell| cell.example.tokens == largest) {
        let (name, scale) = (router_name(cell), cell.example.input_scale.unwrap_or(1.0));
        match routers.iter_mut().find(|router| router.name == name) {
            Some(router) => router.cells.push((scale, cell)),
            None => routers.push(RouterCells {
                name,
                cells: vec![(scale, cell)],
            }),
        }
    }
    for router in &mut routers {
        router.cells.sort_by(|a, b| b.0.total_cmp(&a.0));
    }
    routers
}

/// The input scales, the largest first.
pub(super) fn scales(routers: &[RouterCells<'_>]) -> Vec<f64> {
    let all = routers.iter().flat_map(|router| &router.cells);
    let mut scales: Vec<f64> = all.map(|(scale, _)| *scale).collect();
    scales.sort_by(|a, b| b.total_cmp(a));
    scales.dedup();
    scales
}

/// The look of an input scale.
pub(super) fn look(scales: &[f64], scale: f64) -> Look {
    let index = scales.iter().position(|own| *own == scale).unwrap_or(0);
    Look {
        dash: Look::PLAIN.variant(index, scales.len()).dash,
        ..Look::PLAIN.hue(index)
    }
}

/// The legend of input scales.
pub(super) fn legend(scales: &[f64], swatch: Swatch) -> Vec<Group> {
    let entry = |scale: &f64| (look(scales, *scale), format!("{scale:?}"));
    vec![Group {
        title: "input scale".to_owned(),
        swatch,
        entries: scales.iter().map(entry).collect(),
    }]
}

/// The sweep, the machine, the batch, and whose trial is shown.
pub(super) fn note(cell: &Cell) -> String {
    let source = match cell.example.hidden_source.as_deref() {
        Some("random") => "random hidden states",
        Some("bert") => "hidden states of an encoder that reads text",
        _ => "hidden states",
    };
    format!(
        "{}; {source}, T = {} at once; the lowest seed of each cell (experts have no common order across seeds).",
        setup(cell),
        cell.example.tokens.unwrap_or_default(),
    )
}

/// The rows of the lowest seed of a cell.
pub(super) fn rows_of<'r, R: Row>(
    cell: &Cell,
    rows: &'r [R],
    id: impl Fn(&R) -> &str,
) -> Vec<&'r R> {
    let Some((_, own)) = cell.done.first() else {
        return Vec::new();
    };
    let mut rows: Vec<&R> = rows.iter().filter(|row| id(row) == own).collect();
    rows.sort_by(|a, b| a.key_order(b));
    rows
}

/// Bins of a quantity of a cell: edges, and how full the bin is beside the fullest.
pub(super) fn histogram(
    cell: &Cell,
    rows: &[HistogramRow],
    quantity: &str,
) -> Vec<(f64, f64, f64)> {
    let own = rows_of(cell, rows, |row| &row.trial_id);
    let own = own.into_iter().filter(|row| row.quantity == quantity);
    let bins: Vec<(f64, f64, f64)> = own
        .filter_map(|row| Some((row.low?, row.high?, row.count as f64)))
        .collect();
    let fullest = bins.iter().map(|bin| bin.2).fold(1.0, f64::max);
    bins.into_iter()
        .map(|(low, high, count)| (low, high, count / fullest))
        .collect()
}
