//! What each axis does: means over the cells that differ in nothing else.

use std::collections::{BTreeMap, BTreeSet};

use metrics::statistics::mean;

use crate::axes::{Setting, axis_label, value_label};
use crate::cells::Cell;
use crate::format::significant;
use crate::jobs;
use crate::measures::{Measure, of_column};

/// An axis of more values is left to the table of cells.
const MOST_VALUES: usize = 24;

/// What changes the measure by a smaller share is not told.
const LEAST_CHANGE: f64 = 0.05;

/// Sentences on a page.
const MOST_SENTENCES: usize = 4;

/// An axis, and the means at each of its values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Effect {
    /// What the axis is called.
    pub(super) axis: String,
    /// How many cells stand behind each mean.
    pub(super) cells: usize,
    /// The axis's values, in order, each with a mean of every measure.
    pub(super) levels: Vec<(String, Vec<f64>)>,
}

/// The measures whose means are shown.
pub(super) fn measures(cells: &[Cell], headline: Option<&'static str>) -> Vec<&'static Measure> {
    let job = cells.first().map_or("", |cell| cell.example.job.as_str());
    let columns = match (headline, job) {
        (Some(column), _) => vec![column],
        (None, jobs::PACK) => vec!["drop_rate", "tokens_per_s"],
        (None, jobs::LAYER) => vec!["step_ms_median", "tokens_per_s"],
        (None, jobs::ROUTER) => vec!["router_ms_median", "router_entropy", "load_cv_before"],
        (None, _) => Vec::new(),
    };
    columns.into_iter().filter_map(of_column).collect()
}

/// The effect of every axis along which cells can be compared.
pub(super) fn effects(cells: &[Cell], measures: &[&Measure]) -> Vec<Effect> {
    let axes = cells.first().map_or(&[][..], |cell| &cell.axes);
    let axes = axes.iter().map(|value| value.axis.as_str());
    if measures.is_empty() {
        return Vec::new();
    }
    axes.filter_map(|axis| effect(axis, cells, measures))
        .collect()
}

/// Cells that differ in the axis alone, by its value.
type Group<'a> = BTreeMap<String, &'a Cell>;

fn effect(axis: &str, cells: &[Cell], measures: &[&Measure]) -> Option<Effect> {
    let mut groups: BTreeMap<String, Group<'_>> = BTreeMap::new();
    let is_whole = |cell: &&Cell| measures.iter().all(|own| cell.mean(own.column).is_some());
    for cell in cells.iter().filter(is_whole).filter(|cell| cell.has(axis)) {
        let rest = cell.label_of(|other| other != axis);
        let value = cell.setting(axis).text;
        groups.entry(rest).or_default().insert(value, cell);
    }
    let groups = comparable(groups.into_values().collect())?;
    let mut settings: Vec<Setting> = groups[0].values().map(|cell| cell.setting(axis)).collect();
    settings.sort_by(Setting::order);
    let level = |setting: &Setting| {
        let cells = || groups.iter().map(|group| group[&setting.text]);
        let means = measures.iter().filter_map(|own| {
            let values: Vec<f64> = cells().filter_map(|cell| cell.mean(own.column)).collect();
            mean(&values).map(|mean| mean * own.factor)
        });
        (value_label(axis, &setting.text), means.collect())
    };
    Some(Effect {
        axis: axis_label(axis),
        cells: groups.len(),
        levels: settings.iter().map(level).collect(),
    })
}

/// Of the groups those with one and the same values of the axis, as many cells as can be.
fn comparable(groups: Vec<Group<'_>>) -> Option<Vec<Group<'_>>> {
    let mut by_values: BTreeMap<BTreeSet<String>, Vec<Group<'_>>> = BTreeMap::new();
    for group in groups {
        let values = group.keys().cloned().collect();
        by_values.entry(values).or_default().push(group);
    }
    by_values
        .into_iter()
        .filter(|(values, _)| (2..=MOST_VALUES).contains(&values.len()))
        .max_by_key(|(values, groups)| values.len() * groups.len())
        .map(|(_, groups)| groups)
}

/// How the first measure changes along each axis that changes it, most first, in a sentence each.
pub(super) fn sentences(effects: &[Effect], measure: &Measure) -> Vec<String> {
    let mut told: Vec<(f64, String)> = effects
        .iter()
        .filter_map(|effect| sentence(effect, measure))
        .filter(|(change, _)| *change > LEAST_CHANGE)
        .collect();
    told.sort_by(|a, b| b.0.total_cmp(&a.0));
    told.truncate(MOST_SENTENCES);
    told.into_iter().map(|(_, sentence)| sentence).collect()
}

/// An axis's lowest and highest mean, and the change as a share of the latter.
fn sentence(effect: &Effect, measure: &Measure) -> Option<(f64, String)> {
    let mut levels: Vec<(f64, &str)> = effect
        .levels
        .iter()
        .filter_map(|(value, means)| Some((*means.first()?, value.as_str())))
        .collect();
    levels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (low, high) = (levels.first()?, levels.last()?);
    let unit = match measure.unit {
        "" => String::new(),
        unit => format!(" {unit}"),
    };
    let text = format!(
        "{} by {}: {}{unit} in the mean at {}, {}{unit} at {}.",
        sentence_case(measure.heading),
        effect.axis,
        significant(low.0, 3),
        low.1,
        significant(high.0, 3),
        high.1,
    );
    Some(((high.0 - low.0) / high.0.abs(), text))
}

/// The text with its first letter in upper case.
pub(super) fn sentence_case(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{sample, summary};

    #[test]
    fn an_axis_is_judged_on_cells_that_differ_in_nothing_else() {
        let cells = summary(&sample::unified(), sample::names);
        let measures = measures(&cells, Some("perplexity"));
        let effects = effects(&cells, &measures);
        let factor = effects.iter().find(|own| own.axis == "capacity factor");
        let factor = factor.expect("an effect of the capacity factor");
        assert_eq!(factor.cells, 5);
        let own = |text: &str| {
            let of = cells
                .iter()
                .filter(|cell| cell.setting("capacity_factor").text == text);
            let values: Vec<f64> = of.filter_map(|cell| cell.mean("perplexity")).collect();
            mean(&values).unwrap()
        };
        for ((name, means), value) in factor.levels.iter().zip(["1", "1.25"]) {
            assert_eq!(*name, format!("CF {value}"));
            assert!((means[0] - own(value)).abs() < 1e-12, "{means:?}");
        }
    }

    #[test]
    fn cells_without_a_counterpart_are_left_out() {
        let mut collected = sample::unified();
        collected.trials.retain(|row| {
            !(row.strategy.as_deref() == Some("hash") && row.capacity_factor == Some(1.0))
        });
        let cells = summary(&collected, sample::names);
        let effects = effects(&cells, &measures(&cells, Some("perplexity")));
        let of = |axis: &str| effects.iter().find(|own| own.axis == axis).unwrap();
        assert_eq!(of("capacity factor").cells, 4);
        // Five strategies at one factor are more than four at the other.
        assert_eq!((of("strategy").cells, of("strategy").levels.len()), (1, 5));
    }
}
