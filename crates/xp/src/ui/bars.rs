//! Progress on a terminal: a bar for the sweep and one for each running trial.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::lines::{Notes, again_line, ended_line, progress_tail};
use crate::{
    config::Trial,
    jobs::Event,
    runner::{Outcome, Watcher},
};

/// Bars of running trials that are shown at most.
const MOST_BARS: usize = 8;

/// Draws bars, that of the sweep last: it is short, so that what a terminal writes behind it (`^C`) starts no
/// new line, which would leave a dead bar behind.
pub(super) struct Bars {
    all: MultiProgress,
    sweep: ProgressBar,
    trials: BTreeMap<usize, (ProgressBar, Instant)>,
    notes: Notes,
    total: usize,
    ended: usize,
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("templates are constants")
}

impl Bars {
    pub(super) fn new(total: usize, before: usize) -> Self {
        let all = MultiProgress::new();
        let sweep = all.add(ProgressBar::new(total as u64));
        sweep.set_style(style(
            "{bar:30} {pos}/{len} trials  {elapsed}  left {eta}{msg}",
        ));
        sweep.set_position(before as u64);
        // What was done before says nothing about how long the rest takes.
        sweep.reset_eta();
        sweep.enable_steady_tick(Duration::from_secs(1));
        Self {
            all,
            sweep,
            trials: BTreeMap::new(),
            notes: Notes::default(),
            total,
            ended: before,
        }
    }

    fn remove(&mut self, index: usize) -> Option<Instant> {
        let (bar, start) = self.trials.remove(&index)?;
        bar.finish_and_clear();
        self.all.remove(&bar);
        Some(start)
    }
}

impl Watcher for Bars {
    fn started(&mut self, index: usize, trial: &Trial) {
        let bar = if self.trials.len() < MOST_BARS {
            self.all.insert_before(&self.sweep, ProgressBar::new(0))
        } else {
            ProgressBar::hidden()
        };
        bar.set_style(style("  {prefix}  {bar:20} {pos}/{len}{msg}"));
        let name = format!("{} {} seed={}", trial.id, trial.cell(), trial.seed);
        bar.set_prefix(crate::visible::visible(&name).into_owned());
        self.trials.insert(index, (bar, Instant::now()));
        self.sweep.set_message("");
    }

    fn event(&mut self, index: usize, trial: &Trial, event: &Event) {
        if matches!(event, Event::Held) {
            // It was never ours: another process took it first.
            self.remove(index);
            return;
        }
        let Some((bar, _)) = self.trials.get(&index) else {
            return;
        };
        match event {
            Event::Started { steps, done } => {
                bar.set_length(*steps as u64);
                bar.set_position(*done as u64);
            }
            Event::Progress { step, steps, .. } => {
                bar.set_length(*steps as u64);
                bar.set_position(*step as u64);
                bar.set_message(progress_tail(event));
            }
            Event::Note { text } => {
                if let Some(line) = self.notes.line(trial, text) {
                    self.all.suspend(|| super::say(&line));
                }
            }
            Event::Alarm { text, .. } => {
                self.all
                    .suspend(|| super::say(&format!("{}: warning: {text}", trial.id)));
            }
            _ => {}
        }
    }

    fn again(&mut self, index: usize, trial: &Trial, error: &str, retry: u32) {
        self.remove(index);
        let line = again_line(trial, error, retry);
        self.all.suspend(|| super::say(&line));
    }

    fn ended(&mut self, index: usize, trial: &Trial, outcome: &Outcome) {
        let seconds = self
            .remove(index)
            .map(|start| start.elapsed().as_secs_f64());
        self.ended += usize::from(*outcome != Outcome::Interrupted);
        self.sweep.set_position(self.ended as u64);
        let line = ended_line((self.ended, self.total), trial, outcome, seconds);
        self.all.suspend(|| super::say(&line));
    }

    fn waiting(&mut self, held: usize) {
        self.sweep
            .set_message(format!("  waiting for {held} that another process runs"));
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for (bar, _) in self.trials.values() {
            bar.finish_and_clear();
        }
        self.sweep.finish_and_clear();
    }
}
