//! How the cells stand to each other: the ranking, the line to beat, and which of them look ahead.

use std::collections::BTreeSet;

use minijinja::{Value, context};
use runstore::{Collected, Manifest};

use crate::arithmetic;
use crate::cells::Cell;
use crate::compare::{Comparison, baseline_of, ranking};
use crate::format::{interval, significant};
use crate::headline::Headline;

/// The ranking as the page shows it; undefined parts are empty, and without a ranking there is none.
pub(super) fn table(collected: &Collected, manifest: &Manifest, cells: &[Cell]) -> Option<Value> {
    let headline = Headline::of(cells, manifest.measure.as_deref())?;
    let ranking = ranking(cells, manifest);
    let ranked: Vec<&Cell> = ranking.iter().map(|row| row.cell).collect();
    let best = ranked.first()?.label();
    let baseline = baseline_of(&ranked, &manifest.baseline).map(Cell::label);
    let equal =
        arithmetic::at_equal(&ranked, &collected.steps).filter(|_| headline.is_perplexity());
    let shown = |cell: &Cell, column: &str| {
        cell.measure(column)
            .map_or_else(|| "–".to_owned(), interval)
    };
    let rows = ranking.iter().enumerate().map(|(place, row)| {
        let at_equal = equal.as_ref().and_then(|(_, values)| values[place]);
        let mut compared: Vec<[String; 3]> = row.baseline.iter().map(texts).collect();
        compared.push(texts(&row.best));
        context! {
            place => place + 1,
            cell => row.cell.label(),
            n => row.cell.done.len(),
            value => headline.measure(row.cell).map_or_else(|| "–".to_owned(), |own| interval(&own)),
            compared,
            under_training => shown(row.cell, "perplexity_train_capacity"),
            drops => row.cell.mean("eval_drop_rate").map_or_else(
                || "–".to_owned(),
                |share| format!("{:.1}", 100.0 * share),
            ),
            rows => row.cell.mean("expert_rows_per_token").map_or_else(
                || "–".to_owned(),
                |rows| significant(rows, 3),
            ),
            at_equal => at_equal.map_or_else(|| "–".to_owned(), |value| significant(value, 4)),
        }
    });
    let has_baseline = baseline.is_some();
    Some(context! {
        best,
        baseline => baseline.unwrap_or_default(),
        has_baseline,
        has_capacity => ranked.iter().any(|cell| cell.measure("perplexity_train_capacity").is_some()),
        measure => headline.name,
        unit => headline.unit,
        worse => if headline.more_is_better { "negative" } else { "positive" },
        equal => equal.as_ref().map_or_else(String::new, |(flops, _)| format!("{flops:.2e}")),
        rows => rows.collect::<Vec<_>>(),
    })
}

fn texts(comparison: &Comparison) -> [String; 3] {
    [
        comparison.difference(),
        comparison.p_text(),
        comparison.verdict.word().to_owned(),
    ]
}

/// The best n-gram model and the bigram, in a sentence; empty where no cell has them.
pub(super) fn line(cells: &[Cell]) -> String {
    let Some(ngram) = range(cells, "ngram_perplexity") else {
        return String::new();
    };
    let order = range(cells, "ngram_order").unwrap_or_default();
    let bigram = range(cells, "bigram_perplexity")
        .map_or_else(String::new, |bigram| format!(", the bigram {bigram}"));
    format!(
        "Reference: the best n-gram model (order {order}) of as many tokens as a trial trains on has perplexity {ngram} on \
         the same windows{bigram}."
    )
}

/// The mean of a measure, or its range where cells differ.
fn range(cells: &[Cell], column: &str) -> Option<String> {
    let values: Vec<f64> = cells.iter().filter_map(|cell| cell.mean(column)).collect();
    let low = values.iter().copied().reduce(f64::min)?;
    let high = values.iter().copied().reduce(f64::max)?;
    let text = |value: f64| {
        if value.fract() == 0.0 {
            format!("{value}")
        } else {
            significant(value, 4)
        }
    };
    Some(if high - low < 1e-6 * high {
        text(low)
    } else {
        format!("{} to {}", text(low), text(high))
    })
}

/// Which cells look ahead in the evaluation, and which in training alone; empty lists where none does or none says.
pub(super) fn causality(cells: &[Cell]) -> Value {
    let named = |keep: &dyn Fn(&Cell) -> bool| {
        let names: BTreeSet<String> = cells
            .iter()
            .filter(|cell| keep(cell))
            .map(|cell| cell.label_of(|_| true))
            .collect();
        names.into_iter().collect::<Vec<String>>()
    };
    context! {
        evaluation => named(&|cell| cell.causal == Some(false)),
        training => named(&|cell| {
            cell.causal == Some(true) && cell.causal_in_training == Some(false)
        }),
    }
}
