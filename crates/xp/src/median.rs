//! The median rule: which trials are stopped before their last step.
//!
//! The rule of Vizier (D. Golovin and others, "Google Vizier: a service for black-box optimization", 2017,
//! section 3.2.2): a trial is stopped at a step where its best objective so far is strictly worse than the
//! median of the running averages that the finished trials had up to that step. The objective is the
//! validation loss.
//!
//! Each trial asks for itself after an evaluation, and reads what is finished from the store and the results
//! folder: it does not matter how many runners share the sweep, or whether a scheduler started the trial. A
//! trial that goes on from a checkpoint has its earlier losses with it. Only trials that are done count among
//! the others: one that was stopped would pull the median down to where it was stopped.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use runstore::{
    Store, TrialId,
    tables::{StepRow, TrialStatus},
};

use crate::config::{StopConfig, Trial};

/// Validation losses by step, the steps ascending.
type Curve = Vec<(u64, f64)>;

/// What one trial is held against.
#[derive(Debug)]
pub(crate) struct MedianRule {
    config: StopConfig,
    store: Store,
    /// The other trials of the sweep that read the same data.
    others: Vec<TrialId>,
    /// Curves of those of them that are done, as far as they have been read.
    known: RefCell<BTreeMap<TrialId, Curve>>,
}

impl MedianRule {
    /// The rule for one of the trials of a sweep.
    pub(crate) fn new(
        config: StopConfig,
        trial: &Trial,
        trials: &[Trial],
        (store, results): (&Store, &Path),
    ) -> Result<Self, runstore::Error> {
        // Losses of another text or tokenizer are no measure, and speeds have none.
        let comparable = |other: &&Trial| {
            other.id != trial.id && other.data == trial.data && !other.runs_alone()
        };
        let others: Vec<TrialId> = trials
            .iter()
            .filter(comparable)
            .map(|other| other.id)
            .collect();
        let known = RefCell::new(in_results(results, &others)?);
        Ok(Self {
            config,
            store: store.clone(),
            others,
            known,
        })
    }

    /// Why a trial with these validation losses is stopped at its last one, if it is.
    pub(crate) fn judge(&self, own: &[(u64, f64)]) -> Option<String> {
        let &(step, _) = own.last()?;
        if step <= self.config.after as u64 {
            return None;
        }
        self.look();
        let known = self.known.borrow();
        let (best, median, others) = hopeless(own, known.values(), self.config.least.get())?;
        Some(format!(
            "at step {step} its lowest validation loss, {best:.4}, was above {median:.4}, the median of the \
             averages that {others} finished trials had up to there"
        ))
    }

    /// Reads the curves of trials that have been finished meanwhile.
    fn look(&self) {
        let mut known = self.known.borrow_mut();
        for id in &self.others {
            if known.contains_key(id) {
                continue;
            }
            match self.store.steps(id) {
                Ok(Some(steps)) => {
                    known.insert(*id, curve(steps.iter()));
                }
                Ok(None) => {}
                // The end of the sweep tells of it; until then it is one trial less to be held against.
                Err(error) => tracing::warn!(%error, "the losses of a finished trial"),
            }
        }
    }
}

fn in_results(
    results: &Path,
    others: &[TrialId],
) -> Result<BTreeMap<TrialId, Curve>, runstore::Error> {
    if !results.join("trials.parquet").exists() {
        return Ok(BTreeMap::new());
    }
    let collected = runstore::read_results(results)?;
    let done = collected
        .trials
        .iter()
        .filter(|row| row.status == TrialStatus::Done);
    let done: BTreeSet<&str> = done.map(|row| &*row.trial_id).collect();
    let curve_of = |id: &TrialId| {
        let name = id.full();
        let steps = collected.steps.iter().filter(|row| row.trial_id == name);
        done.contains(&*name).then(|| (*id, curve(steps)))
    };
    Ok(others.iter().filter_map(curve_of).collect())
}

/// The validation losses of a trial's rows.
pub(crate) fn curve<'a>(steps: impl Iterator<Item = &'a StepRow>) -> Curve {
    steps
        .filter_map(|row| Some((row.step, row.valid_loss?)))
        .collect()
}

/// The lowest loss, the median that it is above, and of how many others; `None` where it is not above it, or
/// where too few others have come so far.
fn hopeless<'a>(
    own: &[(u64, f64)],
    others: impl Iterator<Item = &'a Curve>,
    least: usize,
) -> Option<(f64, f64, usize)> {
    let &(step, _) = own.last()?;
    let best = own.iter().map(|(_, loss)| *loss).reduce(f64::min)?;
    let mut averages: Vec<f64> = others.filter_map(|curve| average(curve, step)).collect();
    averages.sort_by(f64::total_cmp);
    let median = median(&averages)?;
    (averages.len() >= least && best > median).then_some((best, median, averages.len()))
}

/// The average loss up to and at a step.
fn average(curve: &Curve, step: u64) -> Option<f64> {
    let before = curve.iter().filter(|(at, _)| *at <= step);
    let losses: Vec<f64> = before.map(|(_, loss)| *loss).collect();
    (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
}

/// The middle of sorted values, or the mean of the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 {
        upper
    } else {
        f64::midpoint(sorted[middle - 1], upper)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Up to step 200 they have on average 3.5, 2.5, 3.0 and 5.0: the median is 3.25.
    fn others() -> Vec<Curve> {
        vec![
            vec![(100, 4.0), (200, 3.0), (300, 1.0)],
            vec![(100, 3.0), (200, 2.0)],
            vec![(100, 3.0), (200, 3.0), (300, 3.0)],
            vec![(200, 5.0)],
        ]
    }

    #[test]
    fn a_trial_is_hopeless_whose_best_loss_is_above_the_median_of_the_averages() {
        let others = others();
        let judge = |own: &[(u64, f64)], least| hopeless(own, others.iter(), least);
        assert_eq!(judge(&[(100, 3.3), (200, 3.4)], 4), Some((3.3, 3.25, 4)));
        // Its best loss counts, not its last, and equal is not worse.
        assert_eq!(judge(&[(100, 3.2), (200, 9.0)], 4), None);
        assert_eq!(judge(&[(200, 3.25)], 4), None);
        assert_eq!(judge(&[(200, 9.0)], 5), None, "there are four");
        // At step 100 three have 4.0, 3.0 and 3.0.
        assert_eq!(judge(&[(100, 3.5)], 3), Some((3.5, 3.0, 3)));
        assert_eq!(
            judge(&[(100, 3.5)], 4),
            None,
            "the fourth was not evaluated by then"
        );
        assert_eq!(judge(&[], 1), None);
    }
}
