//! Tests that look at two measures.

use std::collections::{BTreeMap, BTreeSet};

use super::estimate::{Estimate, LEAST_SEEDS};
use super::part::{Found, Part, Range, Reading, Sureness, enough};
use super::question::{Question, Which, estimate};
use super::reason::Reason;
use crate::file::{Cells, Correlation, Dominated};
use crate::measures::Unit;

/// Two measures go together over cells, each cell with the means of its seeds.
pub(super) fn correlation(question: &Question<'_>, test: &Correlation) -> Part {
    let found = pairs(question).and_then(|(xs, ys)| {
        if xs.is_empty() {
            let what = format!("both `{}` and `{}`", question.claim.measure, test.with);
            return Err(Reason::NoCells { what });
        }
        let few = Estimate::Correlation {
            rho: 0.0,
            n: xs.len(),
        };
        enough(few)?;
        Estimate::correlation(&xs, &ys).ok_or(Reason::Constant)
    });
    let range = Range::closed(test.at_least, test.at_most);
    Part::ask(String::new(), found, Reading::Correlation, range)
}

/// The means of both measures, for each cell that has both.
fn pairs(question: &Question<'_>) -> Result<(Vec<f64>, Vec<f64>), Reason> {
    let (xs, ys) = (
        by_cell(question, Which::Own),
        by_cell(question, Which::Second),
    );
    let mut pairs = (Vec::new(), Vec::new());
    for (cell, (x, seeds)) in xs {
        let Some((y, others)) = ys.get(&cell) else {
            continue;
        };
        let n = seeds.min(*others);
        if n < LEAST_SEEDS {
            return Err(Reason::Few {
                n,
                needed: LEAST_SEEDS,
                of: "seeds",
            });
        }
        pairs.0.push(x);
        pairs.1.push(*y);
    }
    Ok(pairs)
}

/// A sweep and a cell of it.
type Cell<'a> = (&'a str, &'a str);

/// Mean and number of repetitions of each cell.
fn by_cell<'q>(question: &'q Question<'_>, which: Which) -> BTreeMap<Cell<'q>, (f64, usize)> {
    let mut cells: BTreeMap<Cell<'_>, (f64, usize, BTreeSet<&Unit>)> = BTreeMap::new();
    for found in question.observations(which) {
        let cell = (found.trial.row.sweep.as_str(), found.trial.cell());
        let own = cells.entry(cell).or_default();
        own.0 += found.value;
        own.1 += 1;
        own.2.insert(&found.unit);
    }
    let means = cells.into_iter();
    means
        .map(|(cell, (sum, n, units))| (cell, (sum / n as f64, units.len())))
        .collect()
}

/// Some other choice of cells is below in both measures.
///
/// Of Q choices one is enough, so the smallest p for it counts Q times; that it is off the frontier is contradicted where
/// for every choice one of the two measures is for sure better.
pub(super) fn dominated(question: &Question<'_>, test: &Dominated) -> Part {
    let tried: Vec<_> = test
        .by
        .0
        .iter()
        .map(|by| (by, against(question, &test.of, by)))
        .collect();
    let choices = tried.len() as f64;
    let all_there = tried.iter().all(|(_, found)| found.is_ok());
    let fails = tried.iter().filter_map(|(_, found)| found.as_ref().ok());
    let fails = fails.map(|found| found.sureness.fails).fold(0.0, f64::max);
    let missing = tried
        .iter()
        .find_map(|(_, found)| found.as_ref().err().cloned());
    let best = tried
        .into_iter()
        .filter_map(|(by, found)| Some((by, found.ok()?)))
        .min_by(|a, b| a.1.sureness.holds.total_cmp(&b.1.sureness.holds));
    match best {
        Some((by, found)) => Part {
            label: format!("against {by}"),
            found: Ok(Found {
                sureness: Sureness {
                    holds: (found.sureness.holds * choices).min(1.0),
                    fails: if all_there { fails } else { 1.0 },
                },
                ..found
            }),
        },
        None => Part {
            label: String::new(),
            found: Err(missing.unwrap_or(Reason::NotShared)),
        },
    }
}

/// How sure it is that `of` is above `by` in both measures, and that it is below in one.
fn against(question: &Question<'_>, of: &Cells, by: &Cells) -> Result<Found, Reason> {
    let effect = |which| -> Result<(Estimate, Sureness), Reason> {
        let numbers = question.compared(which, question.reading(which), of, by)?;
        let estimate = enough(estimate(numbers))?;
        let sureness = Sureness::of(&estimate, Range::ABOVE_ZERO);
        Ok((estimate, sureness))
    };
    let (own, first) = effect(Which::Own)?;
    let (_, second) = effect(Which::Second)?;
    Ok(Found {
        estimate: own,
        reading: question.reading(Which::Own),
        sureness: Sureness {
            holds: first.holds.max(second.holds),
            fails: (2.0 * first.fails.min(second.fails)).min(1.0),
        },
    })
}
