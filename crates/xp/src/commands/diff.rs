//! `xp diff`: what sets two trials, or two results folders, apart.

use std::path::Path;

use compare::{
    Cells, Circumstance, Comparison, Noise, Results, Trial, TrialDifference, circumstances,
};
use runstore::tables::{Row, TrialRow};
use serde::Serialize;

use super::two_sides::{CellList, Head, only_there, say_obstacles, show_settings};
use crate::{
    cli::DiffArgs,
    exit::{Exit, Expected},
    found::{Side, side},
    ui::{self, sides},
};

pub(super) fn run(args: &DiffArgs) -> Result<Exit, Expected> {
    let open = |text: &str| side(text, &args.lookup, &args.work);
    match (open(&args.a)?, open(&args.b)?) {
        (Side::Trial(a, a_from), Side::Trial(b, b_from)) => {
            trials(args, (&a, &a_from), (&b, &b_from))
        }
        (Side::Results(a), Side::Results(b)) => folders(args, &a, &b),
        (a, _) => {
            let of_trial = matches!(a, Side::Trial(..));
            let (trial, results) = if of_trial {
                (&args.a, &args.b)
            } else {
                (&args.b, &args.a)
            };
            Err(Expected::new(
                Exit::Usage,
                format!("`{trial}` is a trial and `{results}` is not"),
                "name two trials, or two sweeps or results folders",
            ))
        }
    }
}

#[derive(Serialize)]
struct TrialFacts<'a> {
    id: &'a str,
    sweep: &'a str,
    cell: String,
    seed: u64,
    /// Seeds of its cell, which the noise is told from.
    seeds: usize,
    folder: &'a Path,
}

impl<'a> TrialFacts<'a> {
    fn of((trial, folder): (&'a Trial, &'a Path)) -> Self {
        Self {
            id: &trial.row.trial_id,
            sweep: &trial.row.sweep,
            cell: trial.row.cell.clone().unwrap_or_else(|| trial.cell.label()),
            seed: trial.row.seed,
            seeds: trial.cell.done.len(),
            folder,
        }
    }

    fn line(&self, name: &str) -> String {
        let id = self.id.get(..12).unwrap_or(self.id);
        let Self {
            sweep,
            cell,
            seed,
            seeds,
            folder,
            ..
        } = self;
        let folder = folder.display();
        format!("{name}  {id}  {sweep}: {cell}, seed {seed}\n   of {seeds} seeds in {folder}\n")
    }
}

fn trials(args: &DiffArgs, a: (&Trial, &Path), b: (&Trial, &Path)) -> Result<Exit, Expected> {
    let found = TrialDifference::of(a.0, b.0);
    let facts = [a, b].map(TrialFacts::of);
    if args.json {
        let [a, b] = facts;
        ui::json(&serde_json::json!({ "a": a, "b": b, "difference": found }));
        return Ok(Exit::Done);
    }
    ui::data(&format!("{}{}", facts[0].line("a"), facts[1].line("b")));
    show_settings(&found.settings, &a.0.row.job, "settings: the same");
    show_measures(&found, args.all);
    show_circumstances(&found.circumstances);
    Ok(Exit::Done)
}

fn show_measures(found: &TrialDifference, all: bool) {
    if let Some(obstacle) = &found.obstacle {
        ui::data(&format!("not compared: {obstacle}\n"));
    }
    let is_shown = |noise| all || matches!(noise, Noise::Beyond | Noise::Unknown);
    let measures = found.measures.iter();
    let shown: Vec<_> = measures.filter(|own| is_shown(own.noise)).collect();
    if !shown.is_empty() {
        ui::table(sides::measures(&shown));
    }
    let count = |noise| {
        found
            .measures
            .iter()
            .filter(|own| own.noise == noise)
            .count()
    };
    let [within, equal] = [Noise::Within, Noise::Equal].map(count);
    if !all && !found.measures.is_empty() {
        ui::data(&format!(
            "{within} measures differ within noise and {equal} are equal; --all shows them\n"
        ));
    } else {
        ui::data("");
    }
}

#[derive(Serialize)]
struct FolderDifference<'a> {
    a: Head<'a>,
    b: Head<'a>,
    cells: CellList<'a>,
    measures: &'a [Comparison],
    circumstances: &'a [Circumstance],
}

fn folders(args: &DiffArgs, a: &Results, b: &Results) -> Result<Exit, Expected> {
    let cells = Cells::of(a, b);
    let columns = TrialRow::SCHEMA.columns.iter();
    let measures: Vec<Comparison> = columns
        .map(|column| Comparison::of(&cells, column.name))
        .filter(|found| !found.cells.is_empty())
        .collect();
    let circumstances = circumstances(&a.trials, &b.trials);
    let found = FolderDifference {
        a: Head::of(a),
        b: Head::of(b),
        cells: CellList::of(&cells),
        measures: &measures,
        circumstances: &circumstances,
    };
    if args.json {
        ui::json(&found);
        return Ok(Exit::Done);
    }
    ui::data(&format!("{}{}", found.a.line("a"), found.b.line("b")));
    show_cells(&cells);
    if !cells.common.is_empty() {
        let job = &cells.common[0].a.example.job;
        show_settings(
            &cells.throughout,
            job,
            "settings that do not vary: the same",
        );
        show_overview(&cells, &measures, args);
    }
    show_circumstances(&circumstances);
    Ok(Exit::Done)
}

/// How many cells are where, and the values of axes that only one side has.
fn show_cells(cells: &Cells<'_>) {
    let mut text = format!(
        "cells: {} in both, {} in a alone, {} in b alone\n",
        cells.common.len(),
        cells.only_a.len(),
        cells.only_b.len()
    );
    text.push_str(&only_there(&cells.axes));
    ui::data(&text);
}

fn show_overview(cells: &Cells<'_>, measures: &[Comparison], args: &DiffArgs) {
    let shown: Vec<&Comparison> = measures
        .iter()
        .filter(|found| args.all || found.apart() > 0)
        .collect();
    if !shown.is_empty() {
        ui::table(sides::overview(&shown));
    }
    let same = measures.len() - shown.len();
    if same > 0 {
        ui::data(&format!(
            "{same} measures are told apart in no cell; --all shows them\n"
        ));
    } else {
        ui::data("");
    }
    say_obstacles(&Comparison::of(cells, report::PERPLEXITY.column));
    ui::advise(&format!(
        "`xp compare {} {}` shows each cell",
        args.a, args.b
    ));
}

fn show_circumstances(found: &[Circumstance]) {
    if found.is_empty() {
        ui::data("program and machine: the same");
    } else {
        ui::table(sides::circumstances(found));
    }
}
