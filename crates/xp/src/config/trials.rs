//! The trials of a sweep: every point with every seed, and those that time the cells in turn.

use std::collections::{BTreeMap, BTreeSet};

use runstore::TrialId;

use super::{points::Point, show::AxisValue, sweep::Sweep, trial::Trial};
use crate::jobs::{JobSettings, SpeedCell, SpeedSettings};

/// The trials of a sweep, and how many points turned out to ask the same question as another.
#[derive(Debug, Clone)]
pub(crate) struct Trials {
    /// In the order of the file: the last axis varies fastest, after it the seed.
    pub(crate) list: Vec<Trial>,
    /// Points left out because an equal one is in the list.
    pub(crate) duplicates: usize,
}

/// Gives the digests of the data that some settings read, where they are known.
pub(crate) type Digests<'a, E> =
    &'a mut dyn FnMut(&JobSettings) -> Result<Option<BTreeMap<String, String>>, E>;

impl Sweep {
    /// Every trial. Points that resolve to the same question are one trial.
    pub(crate) fn trials<E>(
        &self,
        points: Vec<Point>,
        digests: Digests<'_, E>,
    ) -> Result<Trials, E> {
        let mut list = Vec::new();
        let mut seen = BTreeSet::new();
        let mut duplicates = 0;
        let mut reference = None;
        let mut untimed = BTreeSet::new();
        for point in points {
            let data = digests(&point.settings)?;
            for &seed in &self.seeds {
                let question = Trial::question(&point.settings, seed);
                let id = TrialId::of(&question, data.as_ref().unwrap_or(&BTreeMap::new()));
                if point.reference && reference.is_none() {
                    reference = Some(id);
                }
                if !point.timed {
                    untimed.insert(id);
                }
                if !seen.insert(id) {
                    duplicates += 1;
                    continue;
                }
                list.push(Trial {
                    id,
                    sweep: self.name.clone(),
                    scale: self.scale.clone(),
                    settings: point.settings.clone(),
                    axes: point.axes.clone(),
                    seed,
                    data: data.clone(),
                });
            }
        }
        let timed = list.iter().filter(|trial| !untimed.contains(&trial.id));
        let speeds = self.speed_trials(&timed.collect::<Vec<_>>(), reference);
        list.extend(speeds);
        Ok(Trials { list, duplicates })
    }

    /// The trials that time the cells of `timed` in turn; `reference` is the id of the reference's trial with the first
    /// seed.
    fn speed_trials(&self, timed: &[&Trial], reference: Option<TrialId>) -> Vec<Trial> {
        let Some(plan) = &self.speed else {
            return Vec::new();
        };
        let of_seed = |seed: u64| {
            let all = timed.iter().copied();
            all.filter(move |trial| trial.seed == seed)
        };
        let first = self.seeds.first().copied().unwrap_or_default();
        // Every seed has the same points in the same order.
        let place = of_seed(first).position(|trial| Some(trial.id) == reference);
        let seeds = self.seeds.iter().take(plan.config.seeds.get());
        let trial = |&seed: &u64| {
            let cell = |trial: &Trial| SpeedCell {
                trial_id: trial.id.full(),
                settings: trial.settings.shared(),
            };
            let settings = JobSettings::from(SpeedSettings {
                rounds: plan.config.rounds,
                settle: plan.config.settle.get(),
                reference: place.unwrap_or(0),
                cells: of_seed(seed).map(cell).collect(),
            });
            // Unknown where that of one cell is.
            let data: Option<Vec<_>> = of_seed(seed).map(|trial| trial.data.clone()).collect();
            let data = data.map(|data| data.into_iter().flatten().collect());
            let axes = self.axes().into_iter().map(|axis| AxisValue {
                axis: axis.name.clone(),
                value: "–".to_owned(),
            });
            Trial {
                id: TrialId::of(
                    &Trial::question(&settings, seed),
                    data.as_ref().unwrap_or(&BTreeMap::new()),
                ),
                sweep: self.name.clone(),
                scale: self.scale.clone(),
                axes: axes.collect(),
                settings,
                seed,
                data,
            }
        };
        seeds.map(trial).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, path::Path};

    use rstest::rstest;

    use super::*;
    use crate::config::{SweepFile, SweepOptions};

    const SWEEP: &str = "name = 'n'\nquestion = 'q'\njob = 'pack'\nseeds = [3, 4]\n\
        [axes]\nexperts = [4, 8]\nk = [1, 2]\n[scale.smoke]\nspeed.rounds = 3\n";

    fn resolve(text: &str, scale: Option<&str>, set: &[&str]) -> Result<Vec<Trial>, String> {
        let flat = |errors: crate::config::ConfigErrors| {
            let told = errors.errors.iter().map(|error| {
                let help = miette::Diagnostic::help(error).map(|help| help.to_string());
                let labels = miette::Diagnostic::labels(error).into_iter().flatten();
                let at: Vec<_> = labels.map(|label| label.offset().to_string()).collect();
                format!("{} {error} | {}", at.join(","), help.unwrap_or_default())
            });
            told.collect::<Vec<_>>().join("\n")
        };
        let options = SweepOptions {
            scale: scale.map(str::to_owned),
            set: set.iter().map(|&text| text.to_owned()).collect(),
        };
        let file = SweepFile::parse(Path::new("t.toml"), text.as_bytes()).map_err(flat)?;
        let sweep = Sweep::resolve(file, &options).map_err(flat)?;
        let points = sweep.points().map_err(flat)?;
        let trials = sweep.trials::<Infallible>(points, &mut |_| Ok(Some(BTreeMap::new())));
        Ok(trials.unwrap_or_else(|never| match never {}).list)
    }

    fn speeds(trials: &[Trial]) -> Vec<(u64, SpeedSettings)> {
        let speed = |trial: &Trial| match &trial.settings {
            JobSettings::Speed(settings) => Some((trial.seed, settings.clone())),
            _ => None,
        };
        trials.iter().filter_map(speed).collect()
    }

    #[test]
    fn a_speed_trial_has_every_cell_of_its_seed_and_comes_last() {
        let text = format!("{SWEEP}[speed]\nrounds = 20\nseeds = 2\nreference = {{ k = 2 }}\n");
        let trials = resolve(&text, None, &[]).unwrap();
        assert_eq!(trials.len(), 10);
        let found = speeds(&trials[8..]);
        assert_eq!((found.len(), found[0].0, found[1].0), (2, 3, 4));
        for (seed, settings) in &found {
            let cells: Vec<String> = trials[..8]
                .iter()
                .filter(|trial| trial.seed == *seed)
                .map(|trial| trial.id.full())
                .collect();
            let ids: Vec<String> = settings
                .cells
                .iter()
                .map(|cell| cell.trial_id.clone())
                .collect();
            assert_eq!(ids, cells);
            // The first of two points with k = 2: experts 4, k 2.
            assert_eq!((settings.rounds, settings.reference), (20, 1));
            let question = Trial::question(&JobSettings::Speed(settings.clone()), *seed);
            assert_eq!(question["settings"]["reference"], cells[1]);
        }
        assert_eq!(trials[8].cell(), "speeds in turn");
        let values: Vec<&str> = trials[8]
            .axes
            .iter()
            .map(|axis| axis.value.as_str())
            .collect();
        assert_eq!(values, ["–", "–"]);
    }

    #[test]
    fn scales_and_the_command_line_lay_over_it() {
        let text = format!("{SWEEP}[speed]\nsettle = 0.1\n");
        let rounds = |scale, set: &[&str]| {
            let found = speeds(&resolve(&text, scale, set).unwrap());
            found
                .first()
                .map(|(_, settings)| (settings.rounds, settings.settle))
        };
        assert_eq!(rounds(None, &[]), Some((60, 0.1)));
        assert_eq!(rounds(Some("smoke"), &[]), Some((3, 0.1)));
        assert_eq!(rounds(Some("smoke"), &["speed.rounds=7"]), Some((7, 0.1)));
        assert_eq!(rounds(None, &["speed.rounds=0"]), None);
        assert!(speeds(&resolve(SWEEP, None, &[]).unwrap()).is_empty());
    }

    #[test]
    fn the_command_line_may_leave_the_reference_without_a_point() {
        let text = format!("{SWEEP}[speed]\nreference = {{ k = 2, experts = 8 }}\n");
        let place = |set: &[&str]| speeds(&resolve(&text, None, set).unwrap())[0].1.reference;
        assert_eq!(place(&[]), 3);
        assert_eq!(place(&["k=1"]), 0);
    }

    #[test]
    fn cells_that_are_left_out_are_no_part_of_it() {
        let text = format!("{SWEEP}[speed]\nleave-out = {{ experts = 8 }}\n");
        let trials = resolve(&text, None, &[]).unwrap();
        // All four points have both seeds; the two of four experts are timed, with the first.
        assert_eq!(trials.len(), 9);
        let timed = &speeds(&trials)[0].1;
        let ids: Vec<&str> = timed.cells.iter().map(|cell| &*cell.trial_id).collect();
        assert_eq!(ids, [trials[0].id.full(), trials[2].id.full()]);
        // It is the question of a sweep that never had them.
        let without = format!("{SWEEP}[speed]\n").replace("experts = [4, 8]", "experts = [4]");
        let without = resolve(&without, None, &[]).unwrap();
        assert_eq!(without.last().unwrap().id, trials[8].id);
    }

    #[test]
    fn its_id_follows_from_what_is_measured() {
        let id = |text: &str, set: &[&str]| {
            let text = format!("{SWEEP}[speed]\n{text}");
            resolve(&text, None, set).unwrap().last().unwrap().id
        };
        let usual = id("", &[]);
        assert_eq!(id("rounds = 60", &[]), usual);
        assert_eq!(id("reference = { experts = 4, k = 1 }", &[]), usual);
        for other in ["rounds = 59", "settle = 0.05", "reference = { k = 2 }"] {
            assert_ne!(id(other, &[]), usual, "{other}");
        }
        assert_ne!(id("", &["pack.tokens=64"]), usual);
    }

    #[rstest]
    #[case("[speed]\nround = 3", "did you mean `rounds`?")]
    #[case("[speed]\nrounds = -1", "`speed.rounds`")]
    #[case("[speed]\nsettle = 0.0", "greater than 0")]
    #[case("[speed]\nseeds = 0", "`speed.seeds`")]
    #[case("[speed]\nreference = 'top1'", "`speed.reference`")]
    #[case("[speed]\nreference = { expert = 4 }", "did you mean `experts`?")]
    #[case("[speed]\nreference = { k = 3 }", "at scale `base` it is 1, 2")]
    #[case("[speed]\nleave-out = { k = 3 }", "at scale `base` it is 1, 2")]
    #[case(
        "[speed]\nreference = { k = 2 }\nleave-out = { k = 2 }",
        "divided by is left out"
    )]
    #[case("[speed]\nleave-out = { \"pack.width\" = 512 }", "no cell is left")]
    fn mistakes_are_told_at_their_place(#[case] table: &str, #[case] says: &str) {
        let text = format!("{SWEEP}{table}\n");
        let error = resolve(&text, None, &[]).unwrap_err();
        assert!(error.contains(says), "{error}");
        let at: usize = error.split([' ', ',']).next().unwrap().parse().unwrap();
        assert!(at > SWEEP.len(), "{error}");
    }

    #[test]
    fn a_file_cannot_ask_for_the_job_and_a_router_sweep_not_for_the_table() {
        let error = resolve(&SWEEP.replace("'pack'", "'speed'"), None, &[]).unwrap_err();
        assert!(error.contains("add a `[speed]` table"), "{error}");
        let text = "name = 'n'\nquestion = 'q'\njob = 'router'\nseeds = [1]\n[speed]\nrounds = 5";
        let error = resolve(text, None, &[]).unwrap_err();
        assert!(
            error.contains("a `router` sweep has no `[speed]`"),
            "{error}"
        );
    }
}
