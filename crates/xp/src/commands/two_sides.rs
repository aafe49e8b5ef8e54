//! What `xp diff` and `xp compare` say alike of two results folders.

use compare::{Axis, Cells, Change, Comparison, Results, spelled};
use report::Cell;
use runstore::tables::TrialRow;
use serde::Serialize;

use crate::{
    jobs::JobKind,
    schema::SettingsSchema,
    ui::{self, sides},
};

/// A side by what it is.
#[derive(Serialize)]
pub(super) struct Head<'a> {
    folder: &'a str,
    sweep: &'a str,
    scale: &'a str,
    device: &'a str,
    overrides: &'a [String],
    trials: usize,
    cells: usize,
    /// Cells none of whose trials finished, so that they are in no comparison.
    unfinished: Vec<String>,
}

impl<'a> Head<'a> {
    pub(super) fn of(results: &'a Results) -> Self {
        let example = results.trials.first();
        let text = |of: fn(&TrialRow) -> &String| example.map_or("", |row| of(row).as_str());
        Self {
            folder: &results.name,
            sweep: text(|row| &row.sweep),
            scale: text(|row| &row.scale),
            device: text(|row| &row.device),
            overrides: &results.manifest.overrides,
            trials: results.trials.len(),
            cells: results.cells.len(),
            unfinished: results.unfinished.iter().map(Cell::label).collect(),
        }
    }

    pub(super) fn line(&self, name: &str) -> String {
        let mut line = format!(
            "{name}  {}  {} trials, {} cells\n",
            self.folder, self.trials, self.cells
        );
        if !self.overrides.is_empty() {
            line.push_str(&format!("   --set {}\n", self.overrides.join(" --set ")));
        }
        if !self.unfinished.is_empty() {
            let cells = self.unfinished.join("; ");
            let text = format!("left out, as no trial of theirs finished: {cells}");
            for text in ui::folded(&text, LONGEST_LINE).lines() {
                line.push_str(&format!("   {text}\n"));
            }
        }
        line
    }
}

/// The cells of two sides by what they are called.
#[derive(Serialize)]
pub(super) struct CellList<'a> {
    common: Vec<String>,
    only_a: Vec<String>,
    only_b: Vec<String>,
    axes: &'a [Axis],
    /// Settings that all common cells have otherwise.
    throughout: &'a [Change],
}

impl<'a> CellList<'a> {
    pub(super) fn of(cells: &'a Cells<'_>) -> Self {
        let labels = |cells: &[&Cell]| cells.iter().map(|cell| cell.label()).collect();
        Self {
            common: cells.common.iter().map(compare::Common::label).collect(),
            only_a: labels(&cells.only_a),
            only_b: labels(&cells.only_b),
            axes: &cells.axes,
            throughout: &cells.throughout,
        }
    }
}

/// Characters of a line that is set in.
const LONGEST_LINE: usize = 76;

/// A line for each axis with values that one side alone has.
pub(super) fn only_there(axes: &[Axis]) -> String {
    let mut text = String::new();
    for axis in axes {
        for (side, values) in [("a", &axis.only_a), ("b", &axis.only_b)] {
            if !values.is_empty() {
                let line = format!("{} in {side} alone: {}", axis.name, values.join(", "));
                for line in ui::folded(&line, LONGEST_LINE).lines() {
                    text.push_str(&format!("  {line}\n"));
                }
            }
        }
    }
    text
}

/// Says which common cells are not compared.
pub(super) fn say_obstacles(comparison: &Comparison) {
    for (obstacle, count) in comparison.obstacles() {
        let cells = if count == 1 { "cell" } else { "cells" };
        ui::say(&format!("not compared, {count} {cells}: {obstacle}"));
    }
}

/// Settings that differ, or that none does.
pub(super) fn show_settings(changes: &[Change], job: &str, none: &str) {
    if changes.is_empty() {
        ui::data(&format!("{none}\n"));
        return;
    }
    let schema = JobKind::from_name(job).map(SettingsSchema::of);
    let usual = |path: &str| {
        let usual = schema.as_ref()?.default_at(path)?;
        Some(format!("{} (default)", spelled(usual)))
    };
    ui::table(sides::settings(changes, usual));
    ui::data("");
}
