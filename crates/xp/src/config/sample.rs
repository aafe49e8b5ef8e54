//! `sample = 40`: points drawn from `[axes]` in the place of all combinations.
//!
//! A longer sample begins with the shorter one, so that raising the number runs only what is new.

use std::{collections::BTreeSet, num::NonZeroUsize};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::de::{DeValue, ValueDeserializer};

use super::{
    axes::{Axis, Grid},
    problem::Problems,
    range::Range,
    sequence::{Method, Sequence},
    source::{Node, Tree},
    tree,
};

const HELP: &str =
    "write `sample = 40`, or `sample = { points = 40, method = \"random\", seed = 1 }`";

/// Points that are drawn for each that is kept, where the same ones come up again.
const PATIENCE: usize = 100;

/// More points than this are a slip: they would take minutes to draw, and years to run.
const MOST_POINTS: usize = 10_000;

/// The `sample` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SampleConfig {
    /// How many points of the axes are run.
    pub(crate) points: NonZeroUsize,
    /// How they are drawn.
    #[serde(default)]
    pub(crate) method: Method,
    /// Which of the many samples of that method.
    #[serde(default)]
    pub(crate) seed: u64,
}

impl SampleConfig {
    /// What is drawn, for people: `40 points by halton`.
    pub(crate) fn text(self) -> String {
        format!("{} points by {}", self.points, self.method.name())
    }

    /// Reads `sample`; a file without it, or whose mistakes were added, has none.
    fn read(tree: &Tree, problems: &mut Problems) -> Option<Self> {
        let node = tree.get("sample")?;
        let node = match node.get_ref() {
            DeValue::Integer(_) => {
                let table = tree::single("points", &node.span(), node.clone());
                Node::new(node.span(), DeValue::Table(table))
            }
            DeValue::Table(table) if !table.contains_key("points") => {
                problems.at(node.span(), "`sample` has no `points`", HELP);
                return None;
            }
            DeValue::Table(_) => node.clone(),
            other => {
                let message = format!("`sample` is a number of points, found {}", other.type_str());
                problems.at(node.span(), message, HELP);
                return None;
            }
        };
        let place = node.span();
        match Self::deserialize(ValueDeserializer::from(node)) {
            Ok(config) if config.points.get() > MOST_POINTS => {
                let message = format!("a sample has at most {MOST_POINTS} points");
                problems.at(place, message, HELP);
                None
            }
            Ok(config) => Some(config),
            Err(error) => {
                problems.read(&error, Some(tree));
                None
            }
        }
    }

    /// The points as grids of one value an axis; the grid itself where it has no more points than that.
    fn draw(self, grid: Grid) -> Vec<Grid> {
        let points = self.points.get();
        let all = grid.iter().map(|axis| every(axis, points));
        if let Some(whole) = all.collect::<Option<Grid>>() {
            let sizes = whole.iter().map(|axis| axis.values.len());
            if sizes.fold(1, usize::saturating_mul) <= points {
                return vec![whole];
            }
        }
        let mut sequence = Sequence::new(self.method, self.seed, grid.len());
        let mut seen = BTreeSet::new();
        let mut drawn = Vec::new();
        for _ in 0..points.saturating_mul(PATIENCE) {
            if drawn.len() == points {
                break;
            }
            let place = sequence.next();
            let point: Grid = grid.iter().zip(place).map(at).collect();
            let values = point.iter().flat_map(|axis| &axis.values);
            let told: Vec<_> = values
                .map(|value| format!("{:?}", value.get_ref()))
                .collect();
            if seen.insert(told) {
                drawn.push(point);
            }
        }
        drawn
    }
}

/// Draws the points that the file asks for in the place of all combinations, and says how, where it did.
/// Without a sample every axis must have its values.
pub(super) fn draw(
    tree: &Tree,
    grids: &mut Vec<Grid>,
    problems: &mut Problems,
) -> Option<SampleConfig> {
    let Some(node) = tree.get("sample") else {
        let drawn = |axis: &&Axis| axis.range.as_ref().is_some_and(Range::is_drawn);
        for axis in grids.iter().flatten().filter(drawn) {
            let place = axis
                .range
                .as_ref()
                .map_or(0..0, |range| range.place.clone());
            let message = format!("the range of `{}` has no `steps`", axis.name);
            let help = "add `steps = 5`, or draw points from all axes with `sample = 40`";
            problems.at(place, message, help);
        }
        return None;
    };
    let config = SampleConfig::read(tree, problems)?;
    if grids.len() > 1 {
        let message = format!(
            "`sample` draws from one grid, and `axes` has {}",
            grids.len()
        );
        problems.at(
            node.span(),
            message,
            "write one `[axes]`, or take `sample` out",
        );
        return None;
    }
    let grid = grids.pop()?;
    *grids = config.draw(grid);
    // Where the same points came up again and again they are fewer than was asked for.
    let points = NonZeroUsize::new(grids.len()).filter(|points| points.get() > 1)?;
    Some(SampleConfig { points, ..config })
}

/// An axis with every value that it can have; `None` where those are more than `most`.
fn every(axis: &Axis, most: usize) -> Option<Axis> {
    let values = match &axis.range {
        Some(range) if range.is_drawn() => range.every(most)?,
        _ => axis.values.clone(),
    };
    Some(Axis {
        values,
        range: None,
        ..axis.clone()
    })
}

/// An axis with the one value at a share of its way.
fn at((axis, share): (&Axis, f64)) -> Axis {
    let value = match &axis.range {
        Some(range) if range.is_drawn() => range.drawn(share),
        _ => {
            let last = axis.values.len() - 1;
            axis.values[((share * axis.values.len() as f64) as usize).min(last)].clone()
        }
    };
    Axis {
        values: vec![value],
        range: None,
        ..axis.clone()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::{
        Trial,
        tests::{HEADER, error, options, resolve, trials},
    };

    const AXES: &str = "[axes]\nk = [1, 2]\ncapacity-factor = [1.0, 1.5, 2.0]\n\
        learning-rate = { from = 1e-4, to = 1e-2, scale = 'log' }\n[scale.smoke]\nsample = 2\n";

    fn cells(sample: &str) -> Vec<String> {
        let trials = trials(&format!("{HEADER}sample = {sample}\n{AXES}"));
        trials.iter().map(Trial::cell).collect()
    }

    #[test]
    fn a_longer_sample_begins_with_the_shorter_one() {
        for method in ["halton", "random"] {
            let sample = |points| cells(&format!("{{ points = {points}, method = '{method}' }}"));
            let (few, many) = (sample(5), sample(12));
            assert_eq!((few.len(), many.len()), (5, 12));
            assert_eq!(few, many[..5]);
        }
        assert_eq!(
            cells("5"),
            cells("{ points = 5, method = 'halton', seed = 0 }")
        );
        assert_ne!(cells("5"), cells("{ points = 5, method = 'random' }"));
        assert_ne!(cells("5"), cells("{ points = 5, seed = 1 }"));
    }

    #[test]
    fn values_are_drawn_inside_their_range_and_read_well() {
        for trial in trials(&format!("{HEADER}sample = 40\n{AXES}")) {
            let rate: f64 = trial.axes[2].value.parse().unwrap();
            assert!((1e-4..=1e-2).contains(&rate), "{rate}");
            assert!(format!("{rate:e}").len() <= "1.234e-4".len(), "{rate:e}");
        }
    }

    #[test]
    fn half_of_a_sample_is_in_each_half_of_an_axis() {
        let low = cells("40")
            .iter()
            .filter(|cell| cell.starts_with("k=1"))
            .count();
        assert_eq!(low, 20);
    }

    #[test]
    fn every_seed_runs_every_point_and_a_scale_draws_fewer() {
        let text = format!("{HEADER}sample = 6\n{AXES}").replace("[17]", "[1, 2]");
        let count = |scale, set: &[&str]| resolve(&text, &options(scale, set)).unwrap().list.len();
        assert_eq!(count(None, &[]), 12);
        assert_eq!(count(Some("smoke"), &[]), 4);
        assert_eq!(count(None, &["sample=3"]), 6);
    }

    #[test]
    fn a_sample_of_more_points_than_there_are_is_all_of_them() {
        let axes = "[axes]\nk = [1, 2]\ncapacity-factor = [1.0, 1.5]\n";
        let drawn = trials(&format!("{HEADER}sample = 3\n{axes}"));
        let ids: BTreeSet<_> = drawn.iter().map(|trial| trial.id).collect();
        assert_eq!(ids.len(), 3);
        let whole = trials(&format!("{HEADER}sample = 4\n{axes}"));
        let grid = trials(&format!("{HEADER}{axes}"));
        let ids = |trials: &[Trial]| trials.iter().map(|trial| trial.id).collect::<Vec<_>>();
        assert_eq!(ids(&whole), ids(&grid));
    }

    #[test]
    fn whole_numbers_of_a_range_are_counted() {
        let axes = "[axes]\nk = [1, 2]\nexperts = { from = 4, to = 6 }\n";
        let all = trials(&format!("{HEADER}sample = 6\n{axes}"));
        let grid = trials(&format!(
            "{HEADER}[axes]\nk = [1, 2]\nexperts = [4, 5, 6]\n"
        ));
        let ids = |trials: &[Trial]| trials.iter().map(|trial| trial.id).collect::<Vec<_>>();
        assert_eq!(ids(&all), ids(&grid));
    }

    #[rstest]
    #[case(
        "sample = 0",
        "`sample`: invalid value: integer `0`, expected a whole number from 1"
    )]
    #[case("sample = 10001", "a sample has at most 10000 points")]
    #[case("sample = 'all'", "is a number of points, found string")]
    #[case("sample = { method = 'random' }", "`sample` has no `points`")]
    #[case("sample = { points = 3, method = 'haltn' }", "did you mean `halton`?")]
    #[case("sample = { point = 3, points = 3 }", "did you mean `points`?")]
    #[case(
        "sample = 3\n[[axes]]\nk = [1]\n[[axes]]\nexperts = [4]",
        "draws from one grid"
    )]
    fn a_sample_that_is_none_is_told(#[case] text: &str, #[case] says: &str) {
        let told = error(&format!("{HEADER}{text}"));
        assert!(told.contains(says), "{told}");
    }
}
