//! `xp compare`: the cells that two sweeps or results folders have in common.

use compare::{Cells, Comparison, SpeedComparison};
use runstore::tables::{ColumnKind, Row, TrialRow};
use serde::Serialize;

use super::two_sides::{CellList, Head, say_obstacles, show_settings};
use crate::{
    cli::CompareArgs,
    config::closest,
    exit::{Exit, Expected},
    found::results,
    jobs::JobKind,
    ui::{self, sides},
};

/// The measure of whole texts, which other tokens leave comparable.
const OF_BYTES: &str = "bits_per_byte";

#[derive(Serialize)]
struct Found<'a> {
    a: Head<'a>,
    b: Head<'a>,
    cells: CellList<'a>,
    measures: &'a [Comparison],
    /// What both measured in turn.
    speeds: Option<&'a [SpeedComparison]>,
    /// Why there is none of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    no_speeds: Option<&'a str>,
}

pub(super) fn run(args: &CompareArgs) -> Result<Exit, Expected> {
    check_measures(&args.measure)?;
    let a = results(&args.a, &args.lookup)?;
    let b = results(&args.b, &args.lookup)?;
    let cells = Cells::of(&a, &b);
    if cells.common.is_empty() {
        return Err(nothing_in_common(args, &cells));
    }
    let measures = measures(args, &cells)?;
    let speeds = SpeedComparison::all(&a, &b, &cells);
    let found = Found {
        a: Head::of(&a),
        b: Head::of(&b),
        cells: CellList::of(&cells),
        measures: &measures,
        speeds: speeds.as_deref().ok(),
        no_speeds: speeds.as_ref().err().map(String::as_str),
    };
    if args.json {
        ui::json(&found);
        return Ok(Exit::Done);
    }
    ui::data(&format!("{}{}", found.a.line("a"), found.b.line("b")));
    let job = &cells.common[0].a.example.job;
    show_settings(
        &cells.throughout,
        job,
        "settings that do not vary: the same",
    );
    for comparison in &measures {
        show(comparison);
    }
    let either = a.speeds.is_some() || b.speeds.is_some();
    if args.measure.is_empty() && either {
        show_speeds(&speeds);
    }
    let alone = cells.only_a.len() + cells.only_b.len();
    if alone > 0 {
        ui::advise(&format!(
            "{} cells are in a alone and {} in b alone; `xp diff {} {}` says what sets them apart",
            cells.only_a.len(),
            cells.only_b.len(),
            args.a,
            args.b
        ));
    }
    Ok(Exit::Done)
}

/// The comparisons that are asked for, or the first that the job has and can be made.
fn measures(args: &CompareArgs, cells: &Cells<'_>) -> Result<Vec<Comparison>, Expected> {
    let compared = |column: &str| Comparison::of(cells, column);
    if !args.measure.is_empty() {
        let all: Vec<Comparison> = args.measure.iter().map(|own| compared(own)).collect();
        return match all.iter().find(|found| found.cells.is_empty()) {
            Some(found) => Err(Expected::new(
                Exit::Nothing,
                format!(
                    "none of the {} common cells has `{}` in both",
                    cells.common.len(),
                    found.measure
                ),
                "name another column of trials.parquet with --measure",
            )),
            None => Ok(all),
        };
    }
    let job = JobKind::from_name(&cells.common[0].a.example.job);
    let own = job.into_iter().flat_map(|job| job.facts().headlines);
    let columns = [report::PERPLEXITY.column, OF_BYTES].into_iter();
    let columns = columns.chain(own.map(|measure| measure.column));
    let found = columns
        .map(compared)
        .filter(|found| !found.cells.is_empty());
    let found: Vec<Comparison> = found.collect();
    // One that may be compared comes before those that may not.
    let first = found
        .iter()
        .position(|found| found.compared() > 0)
        .unwrap_or(0);
    let found = found.into_iter().nth(first);
    found.map_or_else(
        || Err(not_measured(&args.a, &args.b, cells)),
        |found| Ok(vec![found]),
    )
}

/// Refuses what is no measure.
fn check_measures(asked: &[String]) -> Result<(), Expected> {
    let is_number = |kind| matches!(kind, ColumnKind::F64 | ColumnKind::U64);
    let columns = TrialRow::SCHEMA.columns.iter();
    let numbers = columns.filter(|column| is_number(column.kind));
    let known: Vec<&str> = numbers.map(|column| column.name).collect();
    let Some(wrong) = asked.iter().find(|own| !known.contains(&own.as_str())) else {
        return Ok(());
    };
    let help = match closest(wrong, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "results/README.md has the columns of trials.parquet".to_owned(),
    };
    let message = format!("no measure is called `{wrong}`");
    Err(Expected::new(Exit::Usage, message, help))
}

fn not_measured(a: &str, b: &str, cells: &Cells<'_>) -> Expected {
    Expected::new(
        Exit::Nothing,
        format!(
            "none of the {} cells that {a} and {b} have in common was measured in both",
            cells.common.len()
        ),
        "name a column of trials.parquet with --measure",
    )
}

fn nothing_in_common(args: &CompareArgs, cells: &Cells<'_>) -> Expected {
    let mut apart = cells.axes.iter().filter(|axis| axis.both.is_empty());
    let message = format!("{} and {} have no cell in common", args.a, args.b);
    let help = match apart.next() {
        Some(axis) => format!(
            "`{}` is {} in the first and {} in the second",
            axis.name,
            listed(&axis.only_a),
            listed(&axis.only_b)
        ),
        None => format!("`xp diff {} {}` shows what varies in each", args.a, args.b),
    };
    Expected::new(Exit::Nothing, message, help)
}

fn listed(values: &[String]) -> String {
    match values {
        [] => "not set".to_owned(),
        values => values.join(", "),
    }
}

fn show(comparison: &Comparison) {
    let unit = TrialRow::SCHEMA
        .column(&comparison.measure)
        .map_or("", |column| column.unit);
    let unit = if unit.is_empty() {
        String::new()
    } else {
        format!(" ({unit})")
    };
    ui::data(&format!("{}{unit}", comparison.measure));
    ui::table(sides::cells(comparison));
    ui::data("");
    if comparison.compared() > 0 {
        ui::say(&how(comparison));
    }
    say_obstacles(comparison);
}

/// How differences and p came about.
fn how(comparison: &Comparison) -> String {
    let compared = comparison.compared();
    let cells = comparison.cells.iter();
    let paired = cells
        .filter(|cell| cell.obstacle.is_none() && cell.paired)
        .count();
    let how = match paired {
        0 => "no seeds are common: differences of means by the pooled spread".to_owned(),
        paired if paired == compared => "differences seed by seed".to_owned(),
        paired => {
            format!(
                "differences seed by seed in {paired} cells, by the pooled spread in the others"
            )
        }
    };
    let tested = comparison
        .cells
        .iter()
        .filter(|cell| cell.p.is_some())
        .count();
    let corrected = match tested {
        0 => String::new(),
        tested => format!("; p corrected by Holm over {tested} cells"),
    };
    format!("mean ± half of the 95 % interval; {how}{corrected}")
}

fn show_speeds(speeds: &Result<Vec<SpeedComparison>, String>) {
    match speeds {
        Ok(found) => {
            ui::data("time of a step over the reference's, measured in turn");
            ui::table(sides::speeds(found));
            ui::data("");
        }
        Err(reason) => ui::say(&format!("speeds are not compared: {reason}")),
    }
}
