//! The `speed` job: a step of every cell of a sweep in turn, round by round, in one process.
//!
//! Trials measure their speed one after another, so that whatever else the machine does in a minute is in one trial's
//! number and not in the next's. Here the steps of all cells lie within seconds of each other and of the reference's,
//! and what a round gives is each cell's time over the reference's.

mod bench;
mod memory;
mod round;
mod timed;

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use runstore::tables::SpeedRow;

pub(in crate::jobs) use self::timed::Timed;
use self::{
    bench::{Bench, Texts},
    round::Lap,
};
use super::{Event, JobContext, JobEnd, JobError, SpeedSettings};

/// Rounds that compile, tune and fill caches, and are not recorded.
const WARM_UP: u64 = 2;

/// Rounds before a measurement may count as settled.
const FEWEST: usize = 10;

/// The reference is timed again when it was last timed longer ago than this.
const STALE: Duration = Duration::from_millis(500);

/// Runs a speed trial.
pub(super) fn run(cx: JobContext<'_>, settings: &SpeedSettings) -> Result<JobEnd, JobError> {
    let texts = Texts::read(&cx, settings)?;
    let mut bench = Bench::new(&cx, settings, &texts)?;
    if bench.rebuilt() > 0 {
        let text = format!(
            "{} of {} cells do not fit into memory beside the others and are built for each step",
            bench.rebuilt(),
            settings.cells.len()
        );
        (cx.events)(Event::Note { text });
    }
    (cx.events)(Event::Started {
        steps: settings.rounds,
        done: 0,
    });
    let mut ratios = vec![Vec::with_capacity(settings.rounds); settings.cells.len()];
    let mut rows = Vec::new();
    for number in 0..WARM_UP + settings.rounds as u64 {
        let order = round::order(settings.cells.len(), cx.trial.seed, number);
        let load = peers::load_average();
        let Some(laps) = timed_round(&cx, &mut bench, settings, &order)? else {
            let text = "stopped: the rounds so far are not kept, the measurement starts anew";
            (cx.events)(Event::Note { text: text.into() });
            return Ok(JobEnd::Interrupted { step: 0 });
        };
        let Some(round) = number.checked_sub(WARM_UP) else {
            continue;
        };
        for (place, lap) in laps.iter().enumerate() {
            ratios[lap.cell].push(lap.seconds / lap.reference);
            rows.push(SpeedRow {
                trial_id: cx.row.trial_id.clone(),
                round,
                place: place as u64,
                cell_trial_id: settings.cells[lap.cell].trial_id.clone(),
                step_ms: Some(lap.seconds * 1e3),
                reference_ms: Some(lap.reference * 1e3),
                tokens: bench.tokens(lap.cell) as u64,
                machine_load: load,
                cell_id: None,
            });
        }
        (cx.events)(Event::Progress {
            step: round as usize + 1,
            steps: settings.rounds,
            loss: None,
            tokens_per_s: None,
            drop_rate: None,
        });
        if settled(&ratios, settings.settle) {
            break;
        }
    }
    Ok(JobEnd::Finished(runstore::TrialRecord {
        trial: cx.row,
        speeds: rows,
        ..runstore::TrialRecord::default()
    }))
}

/// One round; `None` where it was asked to stop.
fn timed_round(
    cx: &JobContext<'_>,
    bench: &mut Bench<'_>,
    settings: &SpeedSettings,
    order: &[usize],
) -> Result<Option<Vec<Lap>>, JobError> {
    let reference = settings.reference;
    let timed = std::cell::Cell::new(Instant::now());
    let step = |cell: usize| {
        if cx.stop.load(Ordering::Relaxed) {
            return Err(Stop::Asked);
        }
        let seconds = bench.step(cell).map_err(Stop::Failed)?;
        if cell == reference {
            timed.set(Instant::now());
        }
        Ok(seconds)
    };
    match round::run(order, reference, step, || timed.get().elapsed() > STALE) {
        Ok(laps) => Ok(Some(laps)),
        Err(Stop::Asked) => Ok(None),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Why a round ended before its last step.
enum Stop {
    Asked,
    Failed(JobError),
}

/// Whether the interval of every cell's ratio is narrow enough, after rounds enough.
fn settled(ratios: &[Vec<f64>], settle: f64) -> bool {
    ratios.iter().all(|ratios| {
        let half = metrics::median_interval(ratios).and_then(|found| found.relative_half_width());
        ratios.len() >= FEWEST && half.is_some_and(|half| half < settle)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settled_means_ten_rounds_and_narrow_intervals() {
        // Of ten the interval is from the second to the ninth: 0.97 to 1.03 about 1.
        let narrow = vec![0.5, 0.97, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.03, 2.0];
        assert!(settled(std::slice::from_ref(&narrow), 0.04));
        assert!(!settled(std::slice::from_ref(&narrow), 0.02));
        assert!(!settled(&[narrow[..9].to_vec()], 0.9));
        let mut wide = narrow.clone();
        wide[8] = 1.2;
        assert!(!settled(&[narrow, wide], 0.04));
    }
}
