//! The numbers of one side of a comparison, by seed or round.

use std::collections::{BTreeMap, BTreeSet};

use runstore::tables::{Row, TrialRow};

use crate::file::{Cells, Field, Scalar};
use crate::measures::{Observation, Unit};

/// Values of the columns that two sides share, beside the seed.
pub(crate) type Key = Vec<Scalar>;

/// The numbers of some cells: for each seed or round, one for each value of the columns that sides share.
#[derive(Debug, Default)]
pub(crate) struct Sample(pub(crate) BTreeMap<Unit, BTreeMap<Key, f64>>);

/// Why there is no sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoSample {
    /// Nothing fits.
    Nothing,
    /// Several trials of one seed fit; the columns in which they differ.
    Several(Vec<String>),
}

impl Sample {
    /// The numbers of the observations that fit; rows of one trial that no column tells apart count as their mean.
    pub(crate) fn of(
        observations: &[Observation<'_>],
        cells: &Cells,
        shared: &[Field],
    ) -> Result<Self, NoSample> {
        let mut slots: BTreeMap<(Unit, Key), Vec<&Observation<'_>>> = BTreeMap::new();
        for found in observations.iter().filter(|found| fits(found, cells)) {
            let key = shared.iter().map(|field| found.at(field)).collect();
            slots
                .entry((found.unit.clone(), key))
                .or_default()
                .push(found);
        }
        if slots.is_empty() {
            return Err(NoSample::Nothing);
        }
        let mut sample = Self::default();
        for ((unit, key), own) in slots {
            let ids: BTreeSet<&str> = own
                .iter()
                .map(|found| found.trial.row.trial_id.as_str())
                .collect();
            if ids.len() > 1 {
                return Err(NoSample::Several(differing(&own)));
            }
            let mean = own.iter().map(|found| found.value).sum::<f64>() / own.len() as f64;
            sample.0.entry(unit).or_default().insert(key, mean);
        }
        Ok(sample)
    }

    /// One number a seed or round: the mean over what is shared.
    pub(crate) fn means(&self) -> BTreeMap<&Unit, f64> {
        let means = self
            .0
            .iter()
            .map(|(unit, values)| (unit, values.values().sum::<f64>() / values.len() as f64));
        means.collect()
    }

    /// One number a seed or round that both have: the mean of what `pair` makes of two numbers of one key.
    pub(crate) fn paired(&self, other: &Self, pair: fn(f64, f64) -> f64) -> BTreeMap<&Unit, f64> {
        let units = self.0.iter().filter_map(|(unit, own)| {
            let theirs = other.0.get(unit)?;
            let pairs = own
                .iter()
                .filter_map(|(key, value)| Some(pair(*value, *theirs.get(key)?)));
            let pairs: Vec<f64> = pairs.collect();
            (!pairs.is_empty()).then(|| (unit, pairs.iter().sum::<f64>() / pairs.len() as f64))
        });
        units.collect()
    }
}

/// Whether an observation is of these cells.
pub(crate) fn fits(found: &Observation<'_>, cells: &Cells) -> bool {
    cells
        .0
        .iter()
        .all(|(field, condition)| condition.holds(&found.at(field)))
}

/// The settings in which trials differ, as columns where there are any.
fn differing(own: &[&Observation<'_>]) -> Vec<String> {
    let columns = TrialRow::SCHEMA.columns.iter();
    let settings = columns.filter(|column| {
        let group = column.group;
        (group.contains("ettings") || group == "Four bits (jobs that quantise a model)")
            && !["settings", "seed", "data_digest"].contains(&column.name)
    });
    let several = |name: &str| {
        let values = own.iter().filter_map(|found| found.trial.row.value(name));
        let distinct: BTreeSet<Scalar> = values.map(Scalar::of_cell).collect();
        distinct.len() > 1
    };
    let names: Vec<String> = settings
        .map(|column| column.name)
        .filter(|name| several(name))
        .map(str::to_owned)
        .collect();
    if !names.is_empty() {
        return names;
    }
    let cells: BTreeSet<&str> = own.iter().map(|found| found.trial.cell()).collect();
    cells.into_iter().map(str::to_owned).collect()
}
