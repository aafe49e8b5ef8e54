//! The `speed` job: a step of every cell of a sweep in turn, round by round, in one process.
//!
//! Trials measure their speed one after another, so that whatever else the machine does in a minute is in one trial's
//! number and not in the next's. Here the steps of all cells lie within seconds of each other and of the reference's,
//! and what a round gives is each cell's time over the reference's.

mod bench;
mod job;
mod memory;
mod round;
mod settings;

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use metrics::statistics;
use runstore::tables::SpeedRow;

pub(crate) use self::settings::{SpeedCell, SpeedSettings};
use self::{bench::Bench, round::Lap};
use super::{
    context::{Event, JobContext, JobEnd, JobError},
    job::Job as _,
    timed::Texts,
};

/// Rounds that compile, tune and fill caches, and are not recorded.
const WARM_UP: u64 = 2;

/// Rounds before a measurement may count as settled.
const FEWEST: usize = 10;

/// The reference is timed again when it was last timed longer ago than this.
const STALE: Duration = Duration::from_millis(500);

/// Seconds that a cell's steps are timed for in a round, at least: what disturbs a machine for a moment is then not
/// taken for the cell.
const LAP: f64 = 0.05;

/// The same as a share of the reference's step: short steps beside long ones cost little to repeat.
const SHARE: f64 = 0.25;

/// Runs a speed trial.
fn run(cx: JobContext<'_>, settings: &SpeedSettings) -> Result<JobEnd, JobError> {
    let texts = Texts::read(settings.sources(), cx.data, cx.fetch)?;
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
        let order = round::order(settings.cells.len(), cx.seed, number);
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
    let mut at_least = LAP;
    let step = |cell: usize| {
        if cx.stop.load(Ordering::Relaxed) {
            return Err(Stop::Asked);
        }
        let seconds = lap(at_least, || bench.step(cell)).map_err(Stop::Failed)?;
        if cell == reference {
            timed.set(Instant::now());
            at_least = LAP.max(SHARE * seconds);
        }
        Ok(seconds)
    };
    match round::run(order, reference, step, || timed.get().elapsed() > STALE) {
        Ok(laps) => Ok(Some(laps)),
        Err(Stop::Asked) => Ok(None),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Seconds of a step: where steps are short, the median of as many as take `at_least` seconds.
fn lap<E>(at_least: f64, mut step: impl FnMut() -> Result<f64, E>) -> Result<f64, E> {
    let mut times = vec![step()?];
    while times.iter().sum::<f64>() < at_least {
        times.push(step()?);
    }
    Ok(statistics::median(&times).expect("there is a step"))
}

/// Why a round ended before its last step.
enum Stop {
    Asked,
    Failed(JobError),
}

/// Whether the interval of every cell's ratio is narrow enough, after rounds enough.
fn settled(ratios: &[Vec<f64>], settle: f64) -> bool {
    ratios.iter().all(|ratios| {
        let found = metrics::ratio_interval(ratios);
        ratios.len() >= FEWEST && found.is_some_and(|found| found.relative_half_width() < settle)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_steps_are_repeated_and_long_ones_are_not() {
        let timed = |times: &[f64]| {
            let mut left = times.iter();
            let seconds = lap(0.05, || left.next().copied().ok_or("no more steps"));
            (seconds, left.len())
        };
        // 10 + 30 + 11 ms are more than 50: the median of the three, and the fourth is not taken.
        assert_eq!(timed(&[0.010, 0.030, 0.011, 0.010]), (Ok(0.011), 1));
        assert_eq!(timed(&[0.060, 0.010]), (Ok(0.060), 1));
        assert_eq!(timed(&[0.010]), (Err("no more steps"), 0));
    }

    #[test]
    fn settled_means_ten_rounds_and_narrow_intervals() {
        // Of ten the interval leaves out eight of the 55 means of two on each side.
        let narrow = vec![0.94, 0.97, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.03, 1.06];
        assert!(settled(std::slice::from_ref(&narrow), 0.04));
        assert!(!settled(std::slice::from_ref(&narrow), 0.01));
        assert!(!settled(&[narrow[..9].to_vec()], 0.9));
        let mut wide = narrow.clone();
        wide[8] = 1.2;
        assert!(!settled(&[narrow, wide], 0.04));
    }
}
