//! How the cost of a layer's step grows along experts, tokens and k.
//!
//! A step is a forward and a backward pass. Its products do not depend on how many experts there are to choose from,
//! and are in proportion to tokens and to k: that is the ideal which the measured cost is held against, through the
//! first point of a line.

use std::collections::BTreeMap;

use super::axes::value_label;
use super::cells::Cell;
use crate::jobs;

/// The settings that are scaled.
const AXES: [&str; 3] = ["experts", "tokens", "top_k"];

/// The median time of a step, in milliseconds.
pub(super) const STEP: &str = "step_ms_median";

/// The cells that differ in one of the scaled settings alone, by its size; two or more.
pub(super) struct Line<'a> {
    /// What sets the line apart from others; empty where there is one alone.
    pub(super) series: String,
    /// The setting's value, and the cell that has it.
    pub(super) points: Vec<(f64, &'a Cell)>,
}

/// Everything that was measured along one of the scaled settings.
pub(super) struct Growth<'a> {
    /// Its column.
    pub(super) axis: &'static str,
    /// The other two, which are held.
    pub(super) held: String,
    /// One or more.
    pub(super) lines: Vec<Line<'a>>,
}

/// The growth along each setting that has two or more values. Where the cells allow several choices of what to hold,
/// the one with the most cells is taken.
pub(super) fn growths<'a>(cells: &[&'a Cell]) -> Vec<Growth<'a>> {
    let timed = |cell: &&&Cell| cell.example.job == jobs::LAYER && cell.mean(STEP).is_some();
    let cells: Vec<&Cell> = cells.iter().filter(timed).copied().collect();
    AXES.iter()
        .filter_map(|axis| growth(axis, &cells))
        .collect()
}

fn growth<'a>(axis: &'static str, cells: &[&'a Cell]) -> Option<Growth<'a>> {
    let held = |cell: &Cell| -> Vec<String> {
        let others = AXES.iter().filter(|other| **other != axis);
        others
            .map(|other| value_label(other, &cell.setting(other).text))
            .collect()
    };
    let mut groups: BTreeMap<Vec<String>, Vec<&'a Cell>> = BTreeMap::new();
    for cell in cells {
        groups.entry(held(cell)).or_default().push(cell);
    }
    let of_group = |(held, cells): (Vec<String>, Vec<&'a Cell>)| {
        let lines = lines(axis, &cells);
        let size: usize = lines.iter().map(|line| line.points.len()).sum();
        let held = held.join(", ");
        (size, Growth { axis, held, lines })
    };
    let sized = groups.into_iter().map(of_group);
    // The first of equals: `max_by_key` would give the last.
    let (size, growth) = sized.reduce(|best, other| if other.0 > best.0 { other } else { best })?;
    (size > 0).then_some(growth)
}

fn lines<'a>(axis: &str, cells: &[&'a Cell]) -> Vec<Line<'a>> {
    let mut series: Vec<Line<'a>> = Vec::new();
    for cell in cells {
        let Some(size) = cell.setting(axis).number else {
            continue;
        };
        let label = cell.label_of(|other| !AXES.contains(&other));
        match series.iter_mut().find(|line| line.series == label) {
            Some(line) => line.points.push((size, cell)),
            None => series.push(Line {
                series: label,
                points: vec![(size, cell)],
            }),
        }
    }
    for line in &mut series {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    series.retain(|line| line.points.len() > 1);
    series
}

impl Growth<'_> {
    /// How often the first point's cost the ideal is at `size`.
    pub(super) fn ideal(&self, first: f64, size: f64) -> f64 {
        match self.axis {
            "experts" => 1.0,
            _ => size / first,
        }
    }
}

impl Line<'_> {
    /// The first and the last size with the time of their steps, in milliseconds.
    pub(super) fn ends(&self) -> Option<[(f64, f64); 2]> {
        let end = |point: &(f64, &Cell)| Some((point.0, point.1.mean(STEP)?));
        Some([end(self.points.first()?)?, end(self.points.last()?)?])
    }
}

#[cfg(test)]
mod tests {
    use super::super::{cells::summary, sample, unnamed};
    use super::*;

    #[test]
    fn lines_through_one_point_are_told_apart() {
        let cells = summary(&sample::scaling(), unnamed);
        let growths = growths(&cells.iter().collect::<Vec<_>>());
        let found: Vec<_> = growths
            .iter()
            .map(|growth| {
                let sizes = growth.lines[0].points.iter().map(|point| point.0);
                (growth.axis, growth.held.as_str(), sizes.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(
            found,
            [
                ("experts", "T = 4096, k = 2", vec![8.0, 64.0, 256.0]),
                ("tokens", "E = 64, k = 2", vec![1024.0, 2048.0, 4096.0]),
                ("top_k", "E = 64, T = 4096", vec![1.0, 2.0, 4.0]),
            ]
        );
        let ideals = growths.iter().map(|growth| {
            let ends = growth.lines[0].ends().unwrap();
            growth.ideal(ends[0].0, ends[1].0)
        });
        assert_eq!(ideals.collect::<Vec<_>>(), [1.0, 4.0, 4.0]);
    }

    #[test]
    fn other_settings_make_lines_of_their_own() {
        let mut collected = sample::scaling();
        let mut padded = collected.trials.clone();
        for row in &mut padded {
            row.trial_id.push_str("-padded");
            row.dispatch = Some("padded".to_owned());
        }
        collected.trials.extend(padded);
        let cells = summary(&collected, unnamed);
        let growths = growths(&cells.iter().collect::<Vec<_>>());
        let series = |growth: &Growth<'_>| -> Vec<String> {
            growth
                .lines
                .iter()
                .map(|line| line.series.clone())
                .collect()
        };
        for growth in &growths {
            assert_eq!(series(growth), ["padded dispatch", "sorted dispatch"]);
        }
    }

    #[test]
    fn training_has_no_layer_to_scale() {
        let cells = summary(&sample::experts(), unnamed);
        assert!(growths(&cells.iter().collect::<Vec<_>>()).is_empty());
    }
}
