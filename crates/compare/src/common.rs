//! Which cells of two results folders ask the same.
//!
//! A setting that varies in either folder places a cell. Two cells are one cell of both where all such settings are
//! equal; what both folders keep fixed and have otherwise, such as the number of steps, differs throughout and keeps
//! no cells apart.

use std::collections::{BTreeMap, BTreeSet};

use report::{Cell, leaves};
use serde::Serialize;

use crate::results::Results;
use crate::settings::{Change, changes, question};

/// A cell that both folders have.
#[derive(Debug, Clone, Copy)]
pub struct Common<'a> {
    /// In the first.
    pub a: &'a Cell,
    /// In the second.
    pub b: &'a Cell,
}

/// What varies in one of the folders, and its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Axis {
    /// The column, or the dotted path of a setting that has none.
    pub name: String,
    /// Values that both have.
    pub both: Vec<String>,
    /// Those of the first alone.
    pub only_a: Vec<String>,
    /// Those of the second alone.
    pub only_b: Vec<String>,
}

/// The cells of two folders, sorted by where they are.
#[derive(Debug)]
pub struct Cells<'a> {
    /// Those of both, in the order of the first.
    pub common: Vec<Common<'a>>,
    /// Those of the first alone.
    pub only_a: Vec<&'a Cell>,
    /// Those of the second alone.
    pub only_b: Vec<&'a Cell>,
    /// Settings that all common cells have otherwise.
    pub throughout: Vec<Change>,
    /// What varies.
    pub axes: Vec<Axis>,
}

/// Settings by path.
type Leaves = BTreeMap<String, String>;

impl<'a> Cells<'a> {
    /// Finds the cells that two folders have in common.
    pub fn of(a: &'a Results, b: &'a Results) -> Self {
        let [own, other] = [a, b].map(|results| {
            let cells = results.cells.iter();
            cells.map(places).collect::<Vec<Leaves>>()
        });
        let mut varying = varying(&own);
        varying.extend(self::varying(&other));
        let key = |leaves: &Leaves| -> Vec<Option<String>> {
            varying
                .iter()
                .map(|path| leaves.get(path).cloned())
                .collect()
        };
        let mut theirs: BTreeMap<Vec<Option<String>>, &Cell> =
            other.iter().map(key).zip(&b.cells).collect();
        let (mut common, mut only_a) = (Vec::new(), Vec::new());
        for (cell, leaves) in a.cells.iter().zip(&own) {
            match theirs.remove(&key(leaves)) {
                Some(other) => common.push(Common { a: cell, b: other }),
                None => only_a.push(cell),
            }
        }
        let left: Vec<&Cell> = theirs.into_values().collect();
        let is_left = |cell: &&Cell| left.iter().any(|own| std::ptr::eq(*own, *cell));
        Self {
            throughout: throughout(&common),
            axes: axes(a, b),
            only_b: b.cells.iter().filter(is_left).collect(),
            common,
            only_a,
        }
    }
}

impl Common<'_> {
    /// What sets the cell apart: as the folder says it that has more to say.
    pub fn label(&self) -> String {
        if self.a.axes.len() >= self.b.axes.len() {
            self.a.label()
        } else {
            self.b.label()
        }
    }
}

fn places(cell: &Cell) -> Leaves {
    leaves(&question(&cell.example))
}

/// The paths that do not have one value in all cells.
fn varying(cells: &[Leaves]) -> BTreeSet<String> {
    let paths: BTreeSet<&String> = cells.iter().flat_map(BTreeMap::keys).collect();
    let varies = |path: &&&String| {
        let values: BTreeSet<Option<&String>> = cells.iter().map(|own| own.get(**path)).collect();
        values.len() > 1
    };
    paths
        .iter()
        .filter(varies)
        .map(|path| (*path).clone())
        .collect()
}

/// The changes that all common cells have.
fn throughout(common: &[Common<'_>]) -> Vec<Change> {
    let of = |pair: &Common<'_>| changes(&question(&pair.a.example), &question(&pair.b.example));
    let mut pairs = common.iter().map(of);
    let Some(mut shared) = pairs.next() else {
        return Vec::new();
    };
    for other in pairs {
        shared.retain(|change| other.contains(change));
    }
    shared
}

/// The axes of either folder with the values of both.
fn axes(a: &Results, b: &Results) -> Vec<Axis> {
    let mut names: Vec<&String> = Vec::new();
    let first = [a, b].map(|results| results.cells.first());
    for value in first.into_iter().flatten().flat_map(|cell| &cell.axes) {
        if !names.contains(&&value.axis) {
            names.push(&value.axis);
        }
    }
    let axis = |name: &&String| {
        let [own, other] = [a, b].map(|results| {
            let mut values = Vec::new();
            for cell in results.cells.iter().filter(|cell| cell.has(name)) {
                let setting = cell.setting(name);
                if !values.contains(&setting) {
                    values.push(setting);
                }
            }
            values.sort_by(report::Setting::order);
            let texts = values.into_iter().map(|setting| setting.text);
            texts.collect::<Vec<String>>()
        });
        let (both, only_a) = own.into_iter().partition(|value| other.contains(value));
        let both: Vec<String> = both;
        let only_b = other.into_iter().filter(|value| !both.contains(value));
        Axis {
            name: name.strip_prefix("settings.").unwrap_or(name).to_owned(),
            only_b: only_b.collect(),
            both,
            only_a,
        }
    };
    names.iter().map(axis).collect()
}
