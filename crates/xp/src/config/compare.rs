//! `[compare]`: the cell that all others are compared with. It is no part of a trial's question.

use serde_json::Value;
use toml::de::DeValue;

use super::{
    axes,
    problem::Problems,
    show,
    source::{Node, Span, Tree},
    suggest::closest,
    sweep::Sweep,
    tree::{self, join},
    trial::{AxisValue, Trial},
};
use crate::jobs::{JobKind, JobSettings};

const HELP: &str =
    "write, for example, `baseline = { strategy = \"soft-top-k\", capacity-factor = 1.25 }`";

/// What the baseline's cell has, as it is written.
#[derive(Debug, Clone)]
pub(crate) struct Baseline {
    place: Span,
    settings: Vec<Wanted>,
}

/// One setting of the baseline.
#[derive(Debug, Clone)]
struct Wanted {
    name: String,
    path: String,
    key: Span,
    value: Node,
}

/// A setting of the baseline, and what it is once read.
struct Known<'a> {
    wanted: &'a Wanted,
    /// `None` where it is resolved into other settings.
    json: Option<Value>,
    text: String,
}

/// Reads the table; a file without one, or whose mistakes were added, has no baseline.
pub(super) fn read(tree: &Tree, job: JobKind, problems: &mut Problems) -> Option<Baseline> {
    let node = tree.get("compare")?;
    let DeValue::Table(table) = node.get_ref() else {
        problems.at(node.span(), "`compare` must be a table", HELP);
        return None;
    };
    for key in table.keys().filter(|key| key.get_ref() != "baseline") {
        let name = key.get_ref();
        let help = match closest(name, ["baseline"]) {
            Some(near) => format!("did you mean `{near}`?"),
            None => HELP.to_owned(),
        };
        problems.at(key.span(), format!("unknown key `compare.{name}`"), help);
    }
    let node = table.get("baseline")?;
    let DeValue::Table(cell) = node.get_ref() else {
        problems.at(node.span(), "`compare.baseline` must be a table", HELP);
        return None;
    };
    if cell.is_empty() {
        problems.at(node.span(), "`compare.baseline` names no setting", HELP);
        return None;
    }
    let mut settings = Vec::new();
    collect(cell, "", job, &mut settings, problems);
    Some(Baseline {
        place: node.span(),
        settings,
    })
}

fn collect(
    table: &Tree,
    prefix: &str,
    job: JobKind,
    settings: &mut Vec<Wanted>,
    problems: &mut Problems,
) {
    for (key, value) in table {
        let name = join(prefix, key.get_ref());
        let is_setting = job.long_path(&name).is_some() || job.families().contains(&&*name);
        match value.get_ref() {
            DeValue::Table(inner) if !is_setting => collect(inner, &name, job, settings, problems),
            _ => {
                if let Some(path) = axes::path_of(&name, job, key.span(), problems) {
                    settings.push(Wanted {
                        name,
                        path,
                        key: key.span(),
                        value: value.clone(),
                    });
                }
            }
        }
    }
}

impl Known<'_> {
    fn fits(&self, settings: &Value, axes: &[AxisValue]) -> bool {
        self.json
            .as_ref()
            .is_some_and(|json| show::value_at(settings, &self.wanted.path) == Some(json))
            // What is resolved into other settings is known by what the axis says.
            || axes
                .iter()
                .any(|axis| axis.axis == self.wanted.name && axis.value == self.text)
    }

    /// What a point has in its place.
    fn shown(&self, settings: &Value, axes: &[AxisValue]) -> String {
        let axis = axes.iter().find(|axis| axis.axis == self.wanted.name);
        axis.map_or_else(
            || show::axis(settings, &self.wanted.path, None),
            |axis| axis.value.clone(),
        )
    }
}

impl Sweep {
    /// The trials of the cell that others are compared with: the first, in the order of the file,
    /// that has what `[compare]` says.
    pub(crate) fn baseline<'a>(&self, trials: &'a [Trial]) -> Vec<&'a Trial> {
        let Some(known) = self.known_baseline(&mut Problems::default()) else {
            return Vec::new();
        };
        let fits = |trial: &&Trial| {
            let settings = trial.settings.to_json();
            known.iter().all(|own| own.fits(&settings, &trial.axes))
        };
        let Some(first) = trials.iter().find(fits) else {
            return Vec::new();
        };
        trials
            .iter()
            .filter(|trial| trial.axes == first.axes)
            .collect()
    }

    /// Refuses a baseline that no point has. Where the command line changes the question, the file's
    /// baseline may be left without a cell; then nothing is compared with it.
    pub(super) fn check_baseline<'a>(
        &self,
        points: impl Iterator<Item = (&'a JobSettings, &'a [AxisValue])>,
        problems: &mut Problems,
    ) {
        let (Some(baseline), Some(known)) = (&self.compare, self.known_baseline(problems)) else {
            return;
        };
        let points: Vec<(Value, &[AxisValue])> = points
            .map(|(settings, axes)| (settings.to_json(), axes))
            .collect();
        let is_there = |known: &[&Known<'_>]| {
            let fits =
                |point: &(Value, &[AxisValue])| known.iter().all(|own| own.fits(&point.0, point.1));
            points.iter().any(fits)
        };
        if is_there(&known.iter().collect::<Vec<_>>()) || !self.overrides.is_empty() {
            return;
        }
        let mut told = false;
        for own in known.iter().filter(|own| !is_there(&[*own])) {
            told = true;
            let mut values: Vec<String> = Vec::new();
            for (settings, axes) in &points {
                let value = own.shown(settings, axes);
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            problems.at(
                own.wanted.value.span(),
                format!(
                    "no cell of the sweep has `{}` {}",
                    own.wanted.name, own.text
                ),
                format!("at scale `{}` it is {}", self.scale, values.join(", ")),
            );
        }
        if !told {
            let names: Vec<&str> = known.iter().map(|own| own.wanted.name.as_str()).collect();
            let cell = |(settings, axes): &(Value, &[AxisValue])| {
                let values: Vec<String> =
                    known.iter().map(|own| own.shown(settings, axes)).collect();
                values.join(" ")
            };
            let mut cells: Vec<String> = points.iter().map(cell).collect();
            cells.dedup();
            problems.at(
                baseline.place.clone(),
                "no cell of the sweep has all of these settings",
                format!("{} are: {}", names.join(", "), cells.join("; ")),
            );
        }
    }

    /// The baseline's settings as the job reads them; `None` without a baseline or where one cannot
    /// be read.
    fn known_baseline(&self, problems: &mut Problems) -> Option<Vec<Known<'_>>> {
        let settings = &self.compare.as_ref()?.settings;
        let mut known = Vec::new();
        for wanted in settings {
            let Wanted {
                path, key, value, ..
            } = wanted;
            let mut tree = self.settings.clone();
            let over = tree::single(path, key, value.clone());
            tree::overlay(&mut tree, over, self.job.families());
            match JobSettings::read(self.job, tree.clone()) {
                Ok(read) => {
                    let read = read.to_json();
                    known.push(Known {
                        wanted,
                        json: show::value_at(&read, path).cloned(),
                        text: show::axis(&read, path, Some(value)),
                    });
                }
                Err(error) => problems.read(&error, Some(&tree)),
            }
        }
        (known.len() == settings.len()).then_some(known)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, convert::Infallible, path::Path};

    use super::super::{SweepFile, SweepOptions};
    use super::*;

    const FILE: &str = "name = 'n'\nquestion = 'q'\njob = 'train'\nseeds = [17, 18]\n";
    const AXES: &str = "[axes]\nstrategy = ['top1', 'soft-top-k']\ncapacity-factor = [1.0, 1.25]\n";

    /// The cells of the baseline's trials and their ids, or what is wrong.
    fn baseline(text: &str, set: &[&str]) -> Result<Vec<String>, String> {
        let told = |errors: super::super::ConfigErrors| {
            let told = errors.errors.iter().map(|error| {
                let help = miette::Diagnostic::help(error).map(|help| help.to_string());
                format!("{error} | {}", help.unwrap_or_default())
            });
            told.collect::<Vec<_>>().join("\n")
        };
        let text = format!("{FILE}{text}\n{AXES}");
        let file = SweepFile::parse(Path::new("t.toml"), text.as_bytes()).map_err(told)?;
        let options = SweepOptions {
            scale: None,
            set: set.iter().map(|&text| text.to_owned()).collect(),
        };
        let sweep = Sweep::resolve(file, &options).map_err(told)?;
        let points = sweep.points().map_err(told)?;
        let trials = sweep.trials::<Infallible>(points, &mut |_| Ok(BTreeMap::new()));
        let trials = trials.unwrap_or_else(|never| match never {});
        let named = sweep.baseline(&trials.list);
        Ok(named
            .iter()
            .map(|trial| format!("{} {} {}", trial.cell(), trial.seed, trial.id.full()))
            .collect())
    }

    #[test]
    fn a_baseline_is_a_cell_with_all_its_seeds_and_no_part_of_an_id() {
        let text =
            "[compare]\nbaseline = { strategy = 'soft-top-k', \"moe.capacity-factor\" = 1.25 }";
        let found = baseline(text, &[]).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("strategy=soft-top-k capacity-factor=1.25 17 "));
        // A whole number is the fraction that the axis has; the first of several cells is taken.
        let other = baseline("compare.baseline.capacity-factor = 1", &[]);
        assert_eq!(
            other,
            baseline("compare.baseline = { capacity-factor = 1.0 }", &[])
        );
        assert!(other.unwrap()[0].starts_with("strategy=top1 capacity-factor=1.0 17 "));
        let again = baseline("[compare]\nbaseline = { strategy = 'soft-top-k' }", &[]).unwrap();
        assert!(again[0].starts_with("strategy=soft-top-k capacity-factor=1.0 17 "));
        assert!(baseline("", &[]).unwrap().is_empty());
        let set = ["compare.baseline.capacity-factor=1.25"];
        let by_set = baseline("[compare]\nbaseline = { strategy = 'soft-top-k' }", &set);
        assert_eq!(by_set.unwrap(), found);
    }

    #[test]
    fn a_cell_that_no_point_has_is_told_with_those_that_there_are() {
        let error = |text| baseline(text, &[]).unwrap_err();
        let factor = "[compare]\nbaseline = { strategy = 'top1', capacity-factor = 1.5 }";
        assert_eq!(
            error(factor),
            "no cell of the sweep has `capacity-factor` 1.5 | at scale `base` it is 1.0, 1.25"
        );
        let text = "[compare]\nbaseline = { strategy = 'hash' }";
        assert_eq!(
            error(text),
            "no cell of the sweep has `strategy` hash | at scale `base` it is top1, soft-top-k"
        );
        // The command line may leave the file's baseline without a cell.
        assert_eq!(baseline(factor, &["k=2"]), Ok(Vec::new()));
        let text = "[compare]\nbaseline = { strategi = 'hash' }";
        assert!(error(text).contains("did you mean `strategy`?"));
        let text = "[compare]\nbaseline = { strategy = 'top2' }";
        assert!(error(text).contains("unknown strategy `top2`"));
        assert!(error("compare = 3").contains("`compare` must be a table"));
        assert!(error("[compare]\nbaselin = {}").contains("did you mean `baseline`?"));
        assert!(error("[compare]\nbaseline = {}").contains("names no setting"));
    }
}
