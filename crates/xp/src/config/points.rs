//! The points of a sweep's axes, typed and checked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    axes::{Axis, Grid},
    members,
    problem::{ConfigErrors, Problem, Problems},
    show::{self, AxisValue, NO_VALUE},
    source::{Node, Tree},
    sweep::Sweep,
    tree,
};
use crate::{
    jobs::{JobKind, JobSettings, SettingProblem},
    schema::SettingsSchema,
};

/// More trials than this are a slip in an axis.
const MOST_TRIALS: usize = 100_000;

impl Sweep {
    /// Every point of the axes, typed and checked.
    pub(crate) fn points(&self) -> Result<Vec<Point>, ConfigErrors> {
        let mut problems = Problems::default();
        self.check_values(&mut problems);
        if problems.is_empty() {
            self.check_size(&mut problems);
        }
        let mut points = Vec::new();
        if problems.is_empty() {
            points = self.read_points(&mut problems);
        }
        if problems.is_empty() {
            let places = points.iter();
            let places = places.map(|point| (point.settings.to_json(), &*point.axes));
            let places: Vec<_> = places.collect();
            self.check_baseline(&places, &mut problems);
            let reference = self.reference(&places, &mut problems);
            let untimed = self.untimed(&places, reference, &mut problems);
            if let Some(reference) = reference {
                points[reference].reference = true;
            }
            for point in untimed {
                points[point].timed = false;
            }
        }
        problems.finish(&self.sources)?;
        Ok(points)
    }

    /// Refuses problems that were found with the settings of trials, at their places.
    pub(crate) fn place(
        &self,
        found: &[(&JobSettings, SettingProblem)],
    ) -> Result<(), ConfigErrors> {
        if found.is_empty() {
            return Ok(());
        }
        let mut of: BTreeMap<String, Vec<&SettingProblem>> = BTreeMap::new();
        for (settings, problem) in found {
            let key = settings.to_json().to_string();
            of.entry(key).or_default().push(problem);
        }
        let mut problems = Problems::default();
        for chosen in self.grids.iter().flat_map(combinations) {
            let tree = self.at(&chosen);
            let Ok(mut settings) = JobSettings::read(self.job, tree.clone()) else {
                continue;
            };
            settings.resolve();
            for problem in of
                .get(&settings.to_json().to_string())
                .into_iter()
                .flatten()
            {
                problems.add(locate((*problem).clone(), &tree));
            }
        }
        problems.finish(&self.sources)
    }

    /// Each value of each axis by itself, so that every wrong one is shown.
    fn check_values(&self, problems: &mut Problems) {
        if let Err(error) = JobSettings::read(self.job, self.settings.clone()) {
            problems.read(&error, Some(&self.settings));
            return;
        }
        // All values of a range stand at one place, which is told of once.
        let mut told = BTreeSet::new();
        for axis in self.grids.iter().flatten() {
            let mut seen: Vec<(Value, &Node)> = Vec::new();
            for value in &axis.values {
                if told.contains(&value.span().start) {
                    continue;
                }
                let tree = self.at(&[(axis, value)]);
                let settings = match JobSettings::read(self.job, tree.clone()) {
                    Ok(settings) => settings,
                    Err(error) => {
                        problems.read(&error, Some(&tree));
                        told.insert(value.span().start);
                        continue;
                    }
                };
                // The value as read: `1` and `1.0` are one value of a fraction.
                let read = show::value_at(&settings.to_json(), &axis.path).cloned();
                let read = read.unwrap_or(Value::Null);
                if let Some((_, first)) = seen.iter().find(|(known, _)| *known == read) {
                    let shown = show::value(&read, Some(value));
                    problems.add(Problem {
                        message: format!("axis `{}` has the value {shown} twice", axis.name),
                        places: vec![
                            (value.span(), "again here".into()),
                            (first.span(), "first here".into()),
                        ],
                        help: Some("keep one of them".into()),
                    });
                } else {
                    seen.push((read, value));
                }
            }
        }
    }

    fn check_size(&self, problems: &mut Problems) {
        let points = |grid: &Grid| {
            let sizes = grid.iter().map(|axis| axis.values.len());
            sizes.fold(self.seeds.len(), usize::saturating_mul)
        };
        let total = self.grids.iter().map(points);
        let total = total.fold(0, usize::saturating_add);
        if total > MOST_TRIALS {
            let message =
                format!("the axes and seeds make {total} trials, more than {MOST_TRIALS}");
            let place = self
                .axes()
                .first()
                .map(|axis| (axis.key.clone(), "the first axis".into()));
            problems.add(Problem {
                message,
                places: place.into_iter().collect(),
                help: Some("shorten an axis, or split the sweep into several files".into()),
            });
        }
    }

    fn read_points(&self, problems: &mut Problems) -> Vec<Point> {
        let (axes, schema) = (self.axes(), SettingsSchema::of(self.job));
        let chosen = self.grids.iter().flat_map(combinations);
        chosen
            .filter_map(|chosen| self.read_point(&chosen, &axes, &schema, problems))
            .collect()
    }

    fn read_point(
        &self,
        chosen: &[(&Axis, &Node)],
        axes: &[&Axis],
        schema: &SettingsSchema,
        problems: &mut Problems,
    ) -> Option<Point> {
        let tree = self.at(chosen);
        let mut settings = match JobSettings::read(self.job, tree.clone()) {
            Ok(settings) => settings,
            Err(error) => {
                problems.read(&error, Some(&tree));
                return None;
            }
        };
        settings.resolve();
        for problem in settings.job().check() {
            problems.add(locate(problem, &tree));
        }
        if let Some(problem) = two_ways(&tree, self.job) {
            problems.add(problem);
        }
        let json = settings.to_json();
        let axes = axes.iter().map(|axis| {
            // What the point's own grid does not vary is as the rest of the file says.
            let own = chosen.iter().find(|(own, _)| own.path == axis.path);
            let written = own.map(|(_, value)| *value);
            let written = written.or_else(|| tree::find(&tree, &axis.path));
            AxisValue {
                axis: axis.name.clone(),
                value: match settings.job().shown_instead(&axis.path, NO_VALUE) {
                    Some(value) => value.into_owned(),
                    None => show::axis(&json, &axis.path, written, schema),
                },
            }
        });
        Some(Point {
            axes: axes.collect(),
            settings,
            reference: false,
            timed: true,
        })
    }

    fn at(&self, chosen: &[(&Axis, &Node)]) -> Tree {
        let mut settings = self.settings.clone();
        // A family before what lies below its members.
        let mut chosen = chosen.to_vec();
        chosen.sort_by_key(|(axis, _)| axis.path.split('.').count());
        for (axis, value) in &chosen {
            if !members::applies(&settings, axis, &chosen) {
                continue;
            }
            let over = tree::single(&axis.path, &axis.key, (*value).clone());
            tree::overlay(&mut settings, over, self.job.families());
        }
        settings
    }
}

/// Every combination of a grid's values, the last axis fastest.
fn combinations(grid: &Grid) -> Vec<Vec<(&Axis, &Node)>> {
    grid.iter().fold(vec![Vec::new()], |points, axis| {
        let longer = |point: Vec<(_, _)>| {
            axis.values.iter().map(move |value| {
                let mut point = point.clone();
                point.push((axis, value));
                point
            })
        };
        points.into_iter().flat_map(longer).collect()
    })
}

/// One point of the axes, before seeds and data.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(super) axes: Vec<AxisValue>,
    /// What a trial at this point does.
    pub(crate) settings: JobSettings,
    /// Whether its speed is what the others are divided by.
    pub(super) reference: bool,
    /// Whether its steps are among those that are timed in turn.
    pub(super) timed: bool,
}

/// Refuses two ways of one setting beside each other: one of them would have no effect, and trials that
/// do the same would have several ids.
fn two_ways(tree: &Tree, job: JobKind) -> Option<Problem> {
    let both = |&(path, other): &(&'static str, &'static str)| {
        Some((
            (path, tree::find(tree, path)?),
            (other, tree::find(tree, other)?),
        ))
    };
    let ((path, node), (other, beside)) = job.alternatives().iter().find_map(both)?;
    Some(Problem {
        message: format!("`{path}` stands in the place of `{other}`, and both are given"),
        places: vec![
            (node.span(), "here".into()),
            (beside.span(), format!("`{other}`")),
        ],
        help: Some("keep one of the two".into()),
    })
}

fn locate(problem: SettingProblem, tree: &Tree) -> Problem {
    let places = problem.paths.iter().enumerate().filter_map(|(i, path)| {
        let word = if i == 0 {
            "here".to_owned()
        } else {
            format!("`{path}`")
        };
        Some((tree::span_of(tree, path)?, word))
    });
    Problem {
        message: problem.message,
        places: places.collect(),
        help: Some(problem.help),
    }
}
