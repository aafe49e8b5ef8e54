//! The cells that a sweep names: the one that all are compared with, and the one that speeds are divided by.

use super::{
    cell::{NamedCell, Place},
    problem::Problems,
    sweep::Sweep,
    trial::Trial,
};

impl Sweep {
    /// The trials of the cell that others are compared with: the first, in the order of the file,
    /// that has what `[compare]` says.
    pub(crate) fn baseline<'a>(&self, trials: &'a [Trial]) -> Vec<&'a Trial> {
        let baseline = self.compare.baseline.as_ref();
        let Some(known) = baseline
            .and_then(|cell| cell.known(&self.settings, self.job, &mut Problems::default()))
        else {
            return Vec::new();
        };
        let fits = |trial: &&Trial| known.fits(&trial.settings.to_json(), &trial.axes);
        let Some(first) = trials.iter().find(fits) else {
            return Vec::new();
        };
        trials
            .iter()
            .filter(|trial| trial.axes == first.axes)
            .collect()
    }

    /// Refuses a baseline that no point has.
    pub(super) fn check_baseline(&self, points: &[Place<'_>], problems: &mut Problems) {
        if let Some(baseline) = &self.compare.baseline {
            self.first_of(baseline, points, problems);
        }
    }

    /// The point that speeds are divided by, where the file names one.
    pub(super) fn reference(&self, points: &[Place<'_>], problems: &mut Problems) -> Option<usize> {
        let cell = self.speed.as_ref()?.reference.as_ref()?;
        self.first_of(cell, points, problems)
    }

    /// The points that are left out of the speeds. What the others are divided by cannot be among them.
    pub(super) fn untimed(
        &self,
        points: &[Place<'_>],
        reference: Option<usize>,
        problems: &mut Problems,
    ) -> Vec<usize> {
        let cell = self.speed.as_ref().and_then(|plan| plan.leave_out.as_ref());
        let Some(cell) = cell else { return Vec::new() };
        if self.first_of(cell, points, problems).is_none() {
            return Vec::new();
        }
        let Some(known) = cell.known(&self.settings, self.job, problems) else {
            return Vec::new();
        };
        let all = 0..points.len();
        let out: Vec<usize> = all
            .filter(|&place| known.fits(&points[place].0, points[place].1))
            .collect();
        if reference.is_some_and(|reference| out.contains(&reference)) {
            let help = "name another cell in `speed.reference`, or leave out others";
            let message = "the cell that speeds are divided by is left out";
            known.refuse_as(message, help, problems);
        } else if out.len() == points.len() {
            let help = "leave out fewer cells, or take the table `[speed]` out";
            known.refuse_as("no cell is left to be timed", help, problems);
        }
        out
    }

    /// The first point that has the settings of a cell. That none has is refused, unless the command
    /// line changed the question and not the cell: then the file's cell may be left without a point.
    fn first_of(
        &self,
        cell: &NamedCell,
        points: &[Place<'_>],
        problems: &mut Problems,
    ) -> Option<usize> {
        let known = cell.known(&self.settings, self.job, problems)?;
        let fits = |(settings, axes): &Place<'_>| known.fits(settings, axes);
        let first = points.iter().position(fits);
        let names_it = |text: &String| text.trim_start().starts_with(cell.table);
        let is_own = self.overrides.is_empty() || self.overrides.iter().any(names_it);
        if first.is_none() && is_own {
            known.refuse(points, &self.scale, problems);
        }
        first
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
        let trials = sweep.trials::<Infallible>(points, &mut |_| Ok(Some(BTreeMap::new())));
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
        // One that it names itself must be there.
        let named = baseline("", &["compare.baseline={ strategy = 'hash' }"]).unwrap_err();
        assert!(
            named.contains("no cell of the sweep has `strategy` hash"),
            "{named}"
        );
        let text = "[compare]\nbaseline = { strategi = 'hash' }";
        assert!(error(text).contains("did you mean `strategy`?"));
        let text = "[compare]\nbaseline = { strategy = 'top2' }";
        assert!(error(text).contains("unknown strategy `top2`"));
        assert!(error("compare = 3").contains("`compare` must be a table"));
        assert!(error("[compare]\nbaselin = {}").contains("did you mean `baseline`?"));
        assert!(error("[compare]\nbaseline = {}").contains("names no setting"));
    }
}
