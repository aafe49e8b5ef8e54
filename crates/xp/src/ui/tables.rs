//! Tables on stdout.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use metrics::MeanInterval;
use runstore::{
    Collected,
    tables::{Row, TrialRow},
};

use crate::{
    config::Trial,
    jobs::JobKind,
    report::{Cell, Comparison, ranking, summary},
    session::Session,
};

/// More cells than this are left to the Parquet file.
const MOST_CELLS: usize = 60;

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table without lines, its width that of its content.
pub(crate) fn plain_table(header: &[(&str, Align)], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(|(name, _)| name.to_uppercase()));
    table.add_rows(rows);
    for (column, (_, align)) in table.column_iter_mut().zip(header) {
        column.set_padding((0, 2));
        column.set_cell_alignment(match align {
            Align::Left => CellAlignment::Left,
            Align::Right => CellAlignment::Right,
        });
    }
    table.trim_fmt()
}

/// One headline measure: its column in `trials.parquet`, its heading, and how it is written.
struct Measure {
    column: &'static str,
    heading: &'static str,
    scale: f64,
    digits: usize,
}

const fn measure(
    column: &'static str,
    heading: &'static str,
    scale: f64,
    digits: usize,
) -> Measure {
    Measure {
        column,
        heading,
        scale,
        digits,
    }
}

const TRAIN: &[Measure] = &[
    measure("perplexity", "perplexity", 1.0, 3),
    measure("tokens_per_s", "tokens/s", 1.0, 0),
    measure("perplexity_train_capacity", "under training CF", 1.0, 3),
    measure("drop_rate", "dropped %", 100.0, 1),
    measure("load_cv_before", "load cv", 1.0, 3),
    measure("peak_memory_bytes", "peak MB", 1e-6, 0),
];

const PACK: &[Measure] = &[
    measure("drop_rate", "dropped %", 100.0, 2),
    measure("tokens_per_s", "tokens/s", 1.0, 0),
    measure("gb_per_s", "GB/s", 1.0, 2),
    measure("memcpy_share", "of memcpy %", 100.0, 0),
    measure("peak_memory_bytes", "peak MB", 1e-6, 0),
];

const LAYER: &[Measure] = &[
    measure("step_ms_median", "step ms", 1.0, 2),
    measure("forward_ms_median", "forward ms", 1.0, 2),
    measure("backward_ms_median", "backward ms", 1.0, 2),
    measure("update_ms_median", "update ms", 1.0, 2),
    measure("tokens_per_s", "tokens/s", 1.0, 0),
    measure("gflop_per_s", "GFLOP/s", 1.0, 1),
    measure("routing_share", "routing %", 100.0, 1),
    measure("drop_rate", "dropped %", 100.0, 1),
    measure("peak_memory_bytes", "peak MB", 1e-6, 0),
];

const ROUTER: &[Measure] = &[
    measure("params_router", "parameters", 1.0, 0),
    measure("router_ms_median", "router ms", 1.0, 4),
    measure("forward_ms_median", "with experts ms", 1.0, 3),
    measure("router_entropy", "entropy", 1.0, 4),
    measure("mean_top_k_prob", "top-k prob", 1.0, 4),
    measure("output_std", "output std", 1.0, 4),
    measure("load_cv_before", "load cv", 1.0, 3),
];

/// Prints a row for each cell of a sweep: the mean over seeds and its 95 % interval. Where perplexity was measured, the
/// best cell comes first, and each is compared with the baseline, or with the best without one.
pub(crate) fn cells(session: &Session, collected: &Collected, baseline: &BTreeMap<String, String>) {
    let measures = match session.sweep.job {
        JobKind::Train => TRAIN,
        JobKind::Pack => PACK,
        JobKind::Layer => LAYER,
        JobKind::Router => ROUTER,
        JobKind::Speed => &[],
    };
    let mut groups: Vec<(&Trial, Vec<&TrialRow>)> = Vec::new();
    let cells = summary(collected);
    let ranking = ranking(&cells, baseline);
    // A trial that times all cells is none of them.
    let speed = |trial: &&Trial| trial.settings.kind() == JobKind::Speed;
    for trial in session.trials.iter().filter(|trial| !speed(trial)) {
        let id = trial.id.full();
        let row = collected.trials.iter().find(|row| row.trial_id == id);
        match groups
            .iter_mut()
            .find(|(first, _)| first.axes == trial.axes)
        {
            Some((_, rows)) => rows.extend(row),
            None => groups.push((trial, row.into_iter().collect())),
        }
    }
    let mut header: Vec<_> = session
        .sweep
        .axes()
        .iter()
        .map(|axis| (axis.name.as_str(), Align::Left))
        .collect();
    let place = |rows: &[&TrialRow]| {
        let own = |cell: &Cell| rows.iter().any(|row| cell.trials.contains(&row.trial_id));
        ranking.iter().position(|row| own(row.cell))
    };
    if !ranking.is_empty() {
        // What has no place, such as a cell that has not run, keeps its order behind the others.
        groups.sort_by_key(|(_, rows)| place(rows).unwrap_or(ranking.len()));
    }
    header.push(("n", Align::Right));
    header.extend(
        measures
            .iter()
            .map(|measure| (measure.heading, Align::Right)),
    );
    let compared: &[_] = match ranking.first() {
        None => &[],
        Some(first) if first.baseline.is_some() => {
            &[("less baseline", Align::Right), ("beside it", Align::Left)]
        }
        Some(_) => &[("less best", Align::Right), ("beside it", Align::Left)],
    };
    header.extend(compared);
    let comparison = |rows: &[&TrialRow]| -> Vec<String> {
        if ranking.is_empty() {
            return Vec::new();
        }
        let own = place(rows).map(|place| ranking[place].baseline.unwrap_or(ranking[place].best));
        own.map_or_else(
            || vec!["-".to_owned(); 2],
            |own: Comparison| vec![own.difference(), own.verdict.word().to_owned()],
        )
    };
    let all = groups.len();
    let rows = groups.into_iter().take(MOST_CELLS).map(|(trial, rows)| {
        let finished = rows.iter().filter(|row| row.finished()).count();
        let axes = trial.axes.iter().map(|axis| axis.value.clone());
        let values = measures.iter().map(|measure| measure.show(&rows));
        axes.chain([finished.to_string()])
            .chain(values)
            .chain(comparison(&rows))
            .collect()
    });
    super::data(&plain_table(&header, rows.collect()));
    if all > MOST_CELLS {
        super::say(&format!(
            "{} more cells are in trials.parquet",
            all - MOST_CELLS
        ));
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

impl Measure {
    fn show(&self, rows: &[&TrialRow]) -> String {
        let numbers: Vec<f64> = rows
            .iter()
            .filter(|row| row.finished())
            .filter_map(|row| Some(row.value(self.column)?.number()? * self.scale))
            .collect();
        let digits = self.digits;
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
}
