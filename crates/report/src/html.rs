//! `report.html`: one self-contained page.

use std::collections::BTreeSet;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use runstore::tables::{ColumnKind, Row, TrialRow, TrialStatus};
use runstore::{Collected, Manifest, RanBy};

use super::axes::axis_label;
use super::cells::{Cell, trials};
use super::figures::{Absent, Figure, dark_style};
use super::format::{interval, plain, significant};
use super::health;
use super::measures::{self, Measure};
use super::published;
use super::scaling::growths;
use super::speeds::Speeds;
use super::standing;

const NAME: &str = "report.html";
const TEMPLATE: &str = include_str!("template.html");

/// Fills in the page.
pub(super) fn render(
    collected: &Collected,
    manifest: &Manifest,
    cells: &[Cell],
    figures: &[Figure],
    absent: &[Absent],
) -> Result<String, minijinja::Error> {
    render_template(TEMPLATE, page(collected, manifest, cells, figures, absent))
}

/// Strict: a name that the page does not have is an error, and everything is escaped but the drawings.
fn render_template(template: &str, page: Value) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()?,
    );
    // The name's ending switches escaping on.
    environment.add_template(NAME, template)?;
    environment.get_template(NAME)?.render(page)
}

fn page(
    collected: &Collected,
    manifest: &Manifest,
    cells: &[Cell],
    figures: &[Figure],
    absent: &[Absent],
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
    context! {
        sweep => &manifest.sweep,
        question => manifest.question.as_deref().unwrap_or_default(),
        scale => &manifest.scale,
        device => &manifest.device,
        counts => counts(collected, manifest, cells),
        facts => facts(collected, manifest),
        axes => cells.first().map_or_else(Vec::new, axes),
        measures => shown.iter().map(|measure| (measure.heading, measure.unit)).collect::<Vec<_>>(),
        growths => growth_rows(cells),
        published => published::rows(cells),
        speeds => speeds.map_or_else(Vec::new, |speeds| speeds.rows(cells)),
        speed_reference => speeds.map_or("", |speeds| &speeds.reference),
        wide_speeds => speeds.and_then(Speeds::warning).unwrap_or_default(),
        rows => cells.iter().map(|cell| table_row(cell, &shown)).collect::<Vec<_>>(),
        ngram => standing::line(cells),
        has_ngram_column => cells.iter().any(|cell| cell.beats_ngram.is_some()),
        standing => standing::table(collected, manifest, cells),
        marked => cells.iter().any(Cell::is_marked),
        causality => standing::causality(cells),
        dark_style => Value::from_safe_string(dark_style()),
        figures => figures.iter().map(on_page).collect::<Vec<_>>(),
        absent => absent.iter().map(|figure| (figure.file, figure.reason)).collect::<Vec<_>>(),
        watched => health::watched(collected),
        alarms => health::rows(collected, cells),
        problems => problems(collected),
        unmeasured => unmeasured(collected),
        warnings => warnings(collected),
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

fn counts(collected: &Collected, manifest: &Manifest, cells: &[Cell]) -> String {
    let of = |status| trials(collected).filter(|row| row.status == status).count();
    let mut parts = vec![format!(
        "{} finished trials in {} cells",
        of(TrialStatus::Done),
        cells.len()
    )];
    let lost = [TrialStatus::Diverged, TrialStatus::Failed]
        .into_iter()
        .filter(|status| of(*status) > 0);
    parts.extend(lost.map(|status| format!("{} {status}", of(status))));
    let planned = manifest.planned.unwrap_or_default() as usize;
    let outstanding = planned.saturating_sub(collected.trials.len());
    if outstanding > 0 {
        parts.push(format!("{outstanding} outstanding"));
    }
    parts.join(", ")
}

/// What ran the trials, and what wrote the files from them, which may be another program on another machine.
fn facts(collected: &Collected, manifest: &Manifest) -> Vec<(String, String)> {
    let program = &manifest.provenance;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let number = |value: Option<u64>| value.map_or_else(String::new, |value| value.to_string());
    let ran = RanBy::of(&collected.trials);
    let ran = ran.iter().map(|ran| {
        let program = [
            Some(format!("xp {}", ran.xp_version)),
            commit(ran.git_sha.as_ref(), ran.git_dirty).map(|commit| format!("commit {commit}")),
            ran.rustc.clone(),
            ran.burn_version
                .as_ref()
                .map(|version| format!("burn {version}")),
            Some(format!("host {}", ran.host)),
            ran.cpu_model.clone(),
            ran.cores.map(|cores| format!("{cores} logical processors")),
        ];
        let program: Vec<String> = program.into_iter().flatten().collect();
        format!("{} trials: {}", ran.trials, program.join(", "))
    });
    let memory = program.memory_bytes.map_or_else(String::new, |bytes| {
        format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0)
    });
    let joined = |items: &[String]| items.join(" ");
    let data: Vec<String> = manifest
        .data
        .iter()
        .map(|(name, digest)| format!("{name}: {digest}"))
        .collect();
    let seeds: Vec<String> = manifest.seeds.iter().map(u64::to_string).collect();
    let schemas: Vec<String> = manifest.schemas.values().cloned().collect();
    let facts = [
        ("trials were run by", ran.collect::<Vec<_>>().join("\n")),
        ("overrides", joined(&manifest.overrides)),
        ("started", manifest.started_at.clone()),
        ("finished", manifest.finished_at.clone()),
        ("seeds", seeds.join(", ")),
        ("data", data.join("\n")),
        ("device", text(&manifest.device_name)),
        ("backend", manifest.backend.clone()),
        ("threads of a trial", number(manifest.threads)),
        ("tables were written by", joined(&manifest.command)),
        ("its xp", program.xp_version.clone()),
        (
            "its commit",
            commit(program.git_sha.as_ref(), program.git_dirty).unwrap_or_default(),
        ),
        ("its Cargo.lock (digest)", program.cargo_lock.clone()),
        ("its compiler", text(&program.rustc)),
        ("its burn", text(&program.burn_version)),
        ("its host (digest)", program.host.clone()),
        ("its processor", text(&program.cpu_model)),
        ("its logical processors", number(program.cores)),
        ("its memory", memory),
        ("its operating system", text(&program.os)),
        ("schemas", schemas.join(", ")),
    ];
    facts
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn commit(sha: Option<&String>, dirty: Option<bool>) -> Option<String> {
    let state = if dirty == Some(true) {
        " with uncommitted changes"
    } else {
        ""
    };
    sha.map(|sha| format!("{sha}{state}"))
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

/// What is odd about the data, each once.
fn warnings(collected: &Collected) -> BTreeSet<String> {
    let rows = collected.trials.iter();
    rows.filter_map(|row| row.data_warnings.clone()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_the_page_lacks_is_an_error() {
        let page = || page(&Collected::default(), &Manifest::default(), &[], &[], &[]);
        assert!(render_template("{{ sweep }}", page()).is_ok());
        assert!(render_template("{{ swep }}", page()).is_err());
    }

    #[test]
    fn what_comes_from_data_is_escaped() {
        let manifest = Manifest {
            question: Some("is <b> better?".to_owned()),
            ..Manifest::default()
        };
        let page = render(&Collected::default(), &manifest, &[], &[], &[]).unwrap();
        assert!(page.contains("is &lt;b&gt; better?"));
    }
}
