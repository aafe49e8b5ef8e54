//! The summary of a sweep: a row for each cell.

use std::collections::BTreeMap;

use metrics::MeanInterval;
use report::{Cell, Ranked, ranking, summary};
use runstore::{
    Collected, Manifest,
    tables::{Row, TrialRow},
};
use serde_json::Value;

use super::{
    axes::{self, AxisColumn},
    tables::{Align, Column, fitted, folded},
};
use crate::{
    config::Trial,
    jobs::{Headline, JobKind, short_names},
    session::Session,
};

/// More cells than this are left to the Parquet file.
const MOST_CELLS: usize = 60;

/// With fewer seeds a row is marked.
const FEW_SEEDS: usize = 3;

/// The longest value of an axis that is shown on one line.
const LONGEST_LINE: usize = 36;

/// Prints a row for each cell of a sweep: the mean over seeds and its 95 % interval. The cell that is best by what the
/// sweep ranks by comes first, each is compared with the baseline, or with the best without one, and the lines to
/// beat follow.
pub(crate) fn cells(session: &Session, collected: &Collected, manifest: &Manifest) {
    let cells = summary(collected, short_names);
    let ranking = ranking(&cells, manifest);
    let mut groups = groups(session, collected);
    let place = |group: &Group<'_>| {
        let own = |cell: &Cell| {
            group
                .rows
                .iter()
                .any(|row| cell.trials.contains(&row.trial_id))
        };
        ranking.iter().position(|ranked| own(ranked.cell))
    };
    if !ranking.is_empty() {
        // What has no place, such as a cell that has not run, keeps its order behind the others.
        groups.sort_by_key(|group| place(group).unwrap_or(ranking.len()));
    }
    let all = groups.len();
    groups.truncate(MOST_CELLS);
    let ranked: Vec<Option<&Ranked<'_>>> = groups
        .iter()
        .map(|group| place(group).map(|place| &ranking[place]))
        .collect();

    let mut columns = axes(session, &groups);
    columns.push(counts(&groups));
    let ranked_by = report::Headline::of(&cells, manifest.measure.as_deref());
    let first = ranked_by.map(|own| own.column);
    columns.extend(measured(session.sweep.job, first, &groups));
    if !ranking.is_empty() {
        columns.extend(compared(&ranked));
    }
    lines_to_beat(&mut columns, &groups, session.sweep.job);
    let (table, left_out) = fitted(columns, (!ranking.is_empty()).then_some(0));
    super::styled(&table);
    let mut notes = vec!["mean ± half of the 95 % interval over seeds".to_owned()];
    if groups.iter().any(Group::is_marked) {
        notes.push(format!("†: fewer than {FEW_SEEDS} seeds"));
    }
    if groups.iter().any(Group::looks_ahead) {
        notes.push("‡: sees tokens that it is to predict".to_owned());
    }
    if all > MOST_CELLS {
        notes.push(format!("{} more cells", all - MOST_CELLS));
    }
    if !left_out.is_empty() {
        notes.push(format!("not shown: {}", left_out.join(", ")));
    }
    super::say(&format!("{}; trials.parquet has all", notes.join("; ")));
}

/// A cell: its first trial and the rows of those that are recorded.
struct Group<'a> {
    trial: &'a Trial,
    rows: Vec<&'a TrialRow>,
}

impl Group<'_> {
    fn finished(&self) -> usize {
        self.rows.iter().filter(|row| row.finished()).count()
    }

    fn is_marked(&self) -> bool {
        (1..FEW_SEEDS).contains(&self.finished())
    }

    fn looks_ahead(&self) -> bool {
        self.rows.iter().any(|row| row.causal == Some(false))
    }
}

fn groups<'a>(session: &'a Session, collected: &'a Collected) -> Vec<Group<'a>> {
    let by_id: BTreeMap<&str, &TrialRow> = collected
        .trials
        .iter()
        .map(|row| (row.trial_id.as_str(), row))
        .collect();
    let mut groups: Vec<Group<'a>> = Vec::new();
    // A trial that times all cells is none of them.
    let beside = |trial: &&Trial| trial.settings.kind().beside().is_some();
    for trial in session.trials.iter().filter(|trial| !beside(trial)) {
        let row = by_id.get(trial.id.full().as_str()).copied();
        match groups
            .iter_mut()
            .find(|group| group.trial.axes == trial.axes)
        {
            Some(group) => group.rows.extend(row),
            None => groups.push(Group {
                trial,
                rows: row.into_iter().collect(),
            }),
        }
    }
    groups
}

fn axes(session: &Session, groups: &[Group<'_>]) -> Vec<Column> {
    let axes = session.sweep.axes().into_iter().enumerate();
    let axes = axes.map(|(at, axis)| {
        let values = groups.iter().map(|group| &group.trial.axes[at].value);
        AxisColumn {
            heading: axis.name.clone(),
            path: axis.path.clone(),
            values: values.cloned().collect(),
        }
    });
    let settings = groups.iter().map(|group| group.trial.settings.to_json());
    let settings: Vec<Value> = settings.collect();
    let called = session.sweep.job.facts().called;
    axes::in_short(axes.collect(), called, &settings)
        .into_iter()
        .map(|axis| Column {
            heading: axis.heading,
            align: Align::Left,
            cells: axis
                .values
                .iter()
                .map(|value| folded(value, LONGEST_LINE))
                .collect(),
            rank: 0,
        })
        .collect()
}

fn counts(groups: &[Group<'_>]) -> Column {
    let count = |group: &Group<'_>| {
        let few = if group.is_marked() { "†" } else { "" };
        let ahead = if group.looks_ahead() { "‡" } else { "" };
        format!("{}{few}{ahead}", group.finished())
    };
    Column {
        heading: "n".to_owned(),
        align: Align::Right,
        cells: groups.iter().map(count).collect(),
        rank: 0,
    }
}

/// The headline measures that some cell has, what cells are ranked by before the others, and the first in any case.
fn measured(job: JobKind, first: Option<&str>, groups: &[Group<'_>]) -> Vec<Column> {
    let rows = || groups.iter().flat_map(|group| &group.rows);
    let has =
        |row: &&TrialRow, column| row.value(column).and_then(|value| value.number()).is_some();
    let mut headlines: Vec<&Headline> = job.facts().headlines.iter().collect();
    headlines.sort_by_key(|measure| first != Some(measure.column));
    let columns = headlines.into_iter().enumerate();
    columns
        .filter(|(rank, measure)| *rank == 0 || rows().any(|row| has(row, measure.column)))
        .map(|(rank, measure)| Column {
            heading: measure.heading.to_owned(),
            align: Align::Right,
            cells: groups
                .iter()
                .map(|group| show(measure, &group.rows))
                .collect(),
            rank: if rank == 0 { 0 } else { rank + COMPARISONS },
        })
        .collect()
}

/// The columns of comparisons, which come right after the first measure.
const COMPARISONS: usize = 2;

fn compared(ranked: &[Option<&Ranked<'_>>]) -> [Column; COMPARISONS] {
    let with_baseline = ranked.iter().flatten().any(|row| row.baseline.is_some());
    let other = if with_baseline { "baseline" } else { "best" };
    let own = |row: Option<&Ranked<'_>>| row.map(|row| row.baseline.unwrap_or(row.best));
    let missing = || "-".to_owned();
    let column = |heading: String, rank, cells| Column {
        heading,
        align: if rank == 1 { Align::Right } else { Align::Left },
        cells,
        rank,
    };
    let difference = |row| own(row).map_or_else(missing, |own| own.difference());
    let verdict = |row| own(row).map_or_else(missing, |own| own.verdict.word().to_owned());
    [
        column(
            format!("less {other}"),
            1,
            ranked.iter().copied().map(difference).collect(),
        ),
        column(
            "beside it".to_owned(),
            2,
            ranked.iter().copied().map(verdict).collect(),
        ),
    ]
}

/// Adds the rows of the best n-gram model and the bigram, where there are such.
fn lines_to_beat(columns: &mut [Column], groups: &[Group<'_>], job: JobKind) {
    let Some(first) = job.facts().headlines.first() else {
        return;
    };
    let rows = || groups.iter().flat_map(|group| &group.rows);
    let mean = |of: fn(&TrialRow) -> Option<f64>| {
        let values: Vec<f64> = rows().filter_map(|row| of(row)).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let order = rows().find_map(|row| row.ngram_order).unwrap_or_default();
    let lines = [
        (
            format!("n-gram, order {order}"),
            mean(|row| row.ngram_perplexity),
        ),
        ("bigram".to_owned(), mean(|row| row.bigram_perplexity)),
    ];
    let measure = columns
        .iter()
        .position(|column| column.heading == first.heading);
    // Without an axis there is no column for a name.
    let Some(measure) = measure.filter(|measure| *measure > 1) else {
        return;
    };
    for (name, value) in lines
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    {
        for (at, column) in columns.iter_mut().enumerate() {
            column.cells.push(match at {
                0 => name.clone(),
                at if at == measure => format!("{value:.*}", first.digits),
                _ => String::new(),
            });
        }
    }
}

/// Whether a row counts into means.
trait Finished {
    fn finished(&self) -> bool;
}

impl Finished for TrialRow {
    fn finished(&self) -> bool {
        self.status == runstore::tables::TrialStatus::Done
    }
}

fn show(measure: &Headline, rows: &[&TrialRow]) -> String {
    let numbers: Vec<f64> = rows
        .iter()
        .filter(|row| row.finished())
        .filter_map(|row| Some(row.value(measure.column)?.number()? * measure.scale))
        .collect();
    let digits = measure.digits;
    match MeanInterval::of(&numbers) {
        None => "-".to_owned(),
        Some(MeanInterval {
            mean,
            half_width: Some(half),
            ..
        }) => {
            format!("{mean:.digits$} ± {half:.digits$}")
        }
        Some(MeanInterval { mean, .. }) => format!("{mean:.digits$}"),
    }
}
