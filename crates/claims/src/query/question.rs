//! The observations that a claim is asked of, and what two choices of cells say against each other.

use std::collections::{BTreeMap, BTreeSet};

use super::estimate::Estimate;
use super::part::Reading;
use super::reason::Reason;
use super::sample::{self, NoSample, Sample};
use crate::file::{Cells, Claim, Derived, EffectKind, Field, Measure, Scalar};
use crate::measures::{Observation, Unit, observations};
use crate::results::{Library, Place};

/// What a claim is asked of.
pub(crate) struct Question<'a> {
    pub(crate) claim: &'a Claim,
    /// What `where` leaves of its measure.
    own: Vec<Observation<'a>>,
    /// The same of the second measure, where the test has one.
    second: Vec<Observation<'a>>,
}

/// Which of a claim's measures.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Own,
    Second,
}

impl<'a> Question<'a> {
    /// Takes what the results say.
    pub(crate) fn new(
        claim: &'a Claim,
        library: &'a Library,
        place: &Place,
    ) -> Result<Self, Reason> {
        let names_steps = claim.fields().any(|field| *field == Field::OfRows("step"));
        let taken = |measure: Measure| -> Result<Vec<Observation<'a>>, Reason> {
            let mut taken = Vec::new();
            for sweep in &claim.sweep.0 {
                let Some(results) = library.get(sweep) else {
                    let folder = place.folder(sweep).display().to_string();
                    return Err(Reason::NoResults { folder });
                };
                taken.extend(observations(results, measure, names_steps));
            }
            taken.retain(|found| sample::fits(found, &claim.filter));
            Ok(taken)
        };
        let second = super::second_measure(&claim.test).map(&taken).transpose()?;
        Ok(Self {
            claim,
            own: taken(claim.measure)?,
            second: second.unwrap_or_default(),
        })
    }

    /// The observations of one of its measures.
    pub(crate) fn observations(&self, which: Which) -> &[Observation<'a>] {
        match which {
            Which::Own => &self.own,
            Which::Second => &self.second,
        }
    }

    /// Those that some side of the test means.
    pub(crate) fn meant(&self) -> Vec<&Observation<'a>> {
        let sides = self.claim.test.sides();
        let meant = |found: &&Observation<'a>| {
            sides.is_empty() || sides.iter().any(|side| sample::fits(found, side))
        };
        self.own.iter().filter(meant).collect()
    }

    /// The values of a column among what is meant, in order, without the absent ones.
    pub(crate) fn values(&self, field: &Field) -> Vec<Scalar> {
        let meant = self.meant();
        let found = meant.iter().map(|found| found.at(field));
        let found: BTreeSet<Scalar> = found.filter(|value| *value != Scalar::Absent).collect();
        found.into_iter().collect()
    }

    /// The same question of some of the cells.
    pub(crate) fn within(&self, cells: &Cells) -> Self {
        let keep = |all: &[Observation<'a>]| {
            all.iter()
                .filter(|found| sample::fits(found, cells))
                .cloned()
                .collect()
        };
        Self {
            claim: self.claim,
            own: keep(&self.own),
            second: keep(&self.second),
        }
    }

    /// How effects of a measure are read: times that were measured in turn are ratios in any case.
    pub(crate) fn reading(&self, which: Which) -> Reading {
        let in_turn = |measure| measure == Measure::Derived(Derived::StepTime);
        let measure = match which {
            Which::Own => Some(self.claim.measure),
            Which::Second => super::second_measure(&self.claim.test),
        };
        let ratio = self.claim.effect == EffectKind::Ratio && which == Which::Own;
        if ratio || measure.is_some_and(in_turn) {
            Reading::Ratio
        } else {
            Reading::Difference
        }
    }

    /// The numbers of some cells.
    pub(crate) fn sample(&self, which: Which, cells: &Cells) -> Result<Sample, Reason> {
        let found = Sample::of(self.observations(which), cells, &self.claim.pair);
        found.map_err(|none| match none {
            NoSample::Nothing => Reason::NoCells {
                what: self.described(which, cells),
            },
            NoSample::Several(columns) => Reason::Several {
                what: self.described(which, cells),
                differ: columns.join(", "),
            },
        })
    }

    fn described(&self, which: Which, cells: &Cells) -> String {
        let measure = match which {
            Which::Own => self.claim.measure.to_string(),
            Which::Second => super::second_measure(&self.claim.test)
                .map_or_else(String::new, |own| own.to_string()),
        };
        let filter = &self.claim.filter;
        match (cells.0.is_empty(), filter.0.is_empty()) {
            (false, false) => format!("`{measure}` with {cells}, {filter}"),
            (false, true) => format!("`{measure}` with {cells}"),
            (true, false) => format!("`{measure}` with {filter}"),
            (true, true) => format!("`{measure}`"),
        }
    }

    /// One side less or over the other, by seed or round.
    pub(crate) fn compared(
        &self,
        which: Which,
        reading: Reading,
        of: &Cells,
        to: &Cells,
    ) -> Result<BTreeMap<Unit, f64>, Reason> {
        let (of, to) = (self.sample(which, of)?, self.sample(which, to)?);
        let pair: fn(f64, f64) -> f64 = match reading {
            Reading::Ratio => |a, b| a.ln() - b.ln(),
            _ => |a, b| a - b,
        };
        let found = of.paired(&to, pair);
        if found.is_empty() {
            return Err(Reason::NotShared);
        }
        if found.values().any(|value| !value.is_finite()) {
            return Err(Reason::NotPositive);
        }
        Ok(found
            .into_iter()
            .map(|(unit, value)| (unit.clone(), value))
            .collect())
    }
}

/// What numbers by seed or by round estimate.
pub(crate) fn estimate(numbers: BTreeMap<Unit, f64>) -> Estimate {
    let rounds = numbers.keys().any(|unit| matches!(unit, Unit::Round(..)));
    let values = numbers.into_values().collect();
    if rounds {
        Estimate::Rounds(values)
    } else {
        Estimate::Seeds(values)
    }
}
