//! What `report.html` is filled in with.

use std::collections::BTreeSet;

use minijinja::{Value, context};
use runstore::tables::{ColumnKind, Row, TrialRow, TrialStatus};
use runstore::{Collected, Manifest};

use super::answer::Answer;
use super::claims::ClaimEntry;
use super::{head, provenance, settings, standing};
use crate::axes::axis_label;
use crate::cells::Cell;
use crate::figures::{Absent, Figure, dark_style};
use crate::format::{interval, plain, significant};
use crate::health;
use crate::measures::{self, Measure};
use crate::published;
use crate::scaling::growths;
use crate::speeds::Speeds;

pub(super) fn context(
    collected: &Collected,
    manifest: &Manifest,
    cells: &[Cell],
    (figures, absent): (&[Figure], &[Absent]),
    claims: &[ClaimEntry],
) -> Value {
    let shown = measures::shown(cells);
    let axes = |cell: &Cell| {
        cell.axes
            .iter()
            .map(|value| axis_label(&value.axis))
            .collect()
    };
    let speeds = Speeds::of(collected, cells);
    let speeds = speeds.as_ref();
    let answer = Answer::of(collected, manifest, cells);
    let main = answer.main_figure(figures, cells);
    let others = figures.iter().enumerate();
    let others = others.filter(|(place, _)| Some(*place) != main);
    context! {
        sweep => &manifest.sweep,
        question => manifest.question.as_deref().unwrap_or_default(),
        tags => &manifest.tags,
        notes => manifest.notes.as_deref().unwrap_or_default(),
        scale => &manifest.scale,
        device => &manifest.device,
        counts => head::counts(collected, cells),
        cautions => head::cautions(collected, manifest, cells, speeds),
        answer => answer.on_page(),
        claims => claims.iter().map(ClaimEntry::on_page).collect::<Vec<_>>(),
        main => main.map(|place| on_page(&figures[place])),
        settings => settings::shared(cells),
        facts => provenance::facts(collected, manifest),
        axes => cells.first().map_or_else(Vec::new, axes),
        measures => shown.iter().map(|measure| (measure.heading, measure.unit)).collect::<Vec<_>>(),
        growths => growth_rows(cells),
        published => published::rows(cells),
        speeds => speeds.map_or_else(Vec::new, |speeds| speeds.rows(cells)),
        speed_reference => speeds.map_or("", |speeds| &speeds.reference),
        rows => cells.iter().map(|cell| table_row(cell, &shown)).collect::<Vec<_>>(),
        ngram => standing::line(cells),
        has_ngram_column => cells.iter().any(|cell| cell.beats_ngram.is_some()),
        standing => standing::table(collected, manifest, cells),
        causality => standing::causality(cells),
        dark_style => Value::from_safe_string(dark_style()),
        figures => others.map(|(_, figure)| on_page(figure)).collect::<Vec<_>>(),
        files => figures.iter().map(|figure| figure.file).collect::<Vec<_>>(),
        absent => absent.iter().map(|figure| (figure.file, figure.reason)).collect::<Vec<_>>(),
        watched => health::watched(collected),
        alarms => health::rows(collected, cells),
        problems => problems(collected),
        unmeasured => unmeasured(collected),
    }
}

fn table_row(cell: &Cell, shown: &[&Measure]) -> Value {
    let value = |measure: &&Measure| {
        cell.measure(measure.column).map_or_else(
            || "–".to_owned(),
            |own| {
                let scaled = metrics::MeanInterval {
                    mean: own.mean * measure.factor,
                    half_width: own.half_width.map(|width| width * measure.factor),
                    n: own.n,
                };
                interval(&scaled)
            },
        )
    };
    let lost = [(cell.diverged, "diverged"), (cell.failed, "failed")];
    let lost: Vec<String> = lost
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    let beats_ngram = match cell.beats_ngram {
        Some(true) => "yes, every seed",
        Some(false) => "no",
        None => "–",
    };
    context! {
        axes => axes_of_row(cell),
        n => cell.done.len(),
        marked => cell.is_marked(),
        lost => lost.join(", "),
        measures => shown.iter().map(value).collect::<Vec<_>>(),
        beats_ngram,
    }
}

/// Where a cell stands, its first value with the mark of those that are not causal.
fn axes_of_row(cell: &Cell) -> Vec<String> {
    let texts = cell.axes.iter().map(|value| value.setting.text.clone());
    let mut texts: Vec<String> = texts.collect();
    if let Some(first) = texts.first_mut() {
        *first = cell.with_mark(std::mem::take(first));
    }
    texts
}

/// The table of scaling: along what, at what, from where to where, and the cost against the ideal.
fn growth_rows(cells: &[Cell]) -> Vec<[String; 9]> {
    let cells: Vec<&Cell> = cells.iter().collect();
    let growths = growths(&cells);
    let rows = growths.iter().flat_map(|growth| {
        growth.lines.iter().filter_map(|line| {
            let [first, last] = line.ends()?;
            let (cost, ideal) = (last.1 / first.1, growth.ideal(first.0, last.0));
            let held = [growth.held.as_str(), line.series.as_str()];
            let held: Vec<&str> = held.into_iter().filter(|text| !text.is_empty()).collect();
            Some([
                axis_label(growth.axis),
                held.join(", "),
                plain(first.0),
                plain(last.0),
                significant(first.1, 4),
                significant(last.1, 4),
                significant(cost, 3),
                significant(ideal, 3),
                significant(cost / ideal, 3),
            ])
        })
    });
    rows.collect()
}

fn on_page(figure: &Figure) -> Value {
    // Inside HTML the namespace is known; without it the page holds no address of any kind.
    let svg = figure
        .svg
        .replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1)
        // The page says once what each file says for itself.
        .replacen(&format!("<style>{}</style>\n", dark_style()), "", 1);
    context! { file => figure.file, caption => &figure.caption, svg => Value::from_safe_string(svg) }
}

/// Trials that did not finish, with what they said.
fn problems(collected: &Collected) -> Vec<(String, String, String)> {
    let unfinished = collected
        .trials
        .iter()
        .filter(|row| row.status != TrialStatus::Done);
    let problem = |row: &TrialRow| {
        let id: String = row.trial_id.chars().take(12).collect();
        (
            id,
            row.status.to_string(),
            row.error.clone().unwrap_or_else(|| "no message".to_owned()),
        )
    };
    unfinished.map(problem).collect()
}

/// Columns of `trials.parquet` that are null in every row.
fn unmeasured(collected: &Collected) -> Vec<String> {
    let names: BTreeSet<&str> = TrialRow::SCHEMA
        .columns
        .iter()
        .filter(|column| {
            column.nullable && matches!(column.kind, ColumnKind::F64 | ColumnKind::U64)
        })
        .map(|column| column.name)
        .collect();
    let is_null = |name: &&str| {
        collected
            .trials
            .iter()
            .all(|row| row.value(name).is_none_or(|value| value.is_null()))
    };
    names
        .into_iter()
        .filter(is_null)
        .map(str::to_owned)
        .collect()
}
