//! Trials on burn-train's terminal dashboard (`--tui`): curves of the running trial, bars of its steps and of
//! the sweep. It shows what the bars show, and changes nothing of what is run.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use burn_train::{
    Interrupter,
    logger::TrainingProgressLogger,
    metric::{
        MetricDefinition, MetricEntry, MetricId, NumericAttributes, NumericEntry, SerializedEntry,
    },
    renderer::{
        MetricState, MetricsRenderer, MetricsRendererTraining, tui::TuiMetricsRendererWrapper,
    },
};

use super::lines::{Notes, again_line, ended_line};
use crate::{
    config::Trial,
    jobs::Event,
    runner::{Outcome, Watcher},
    signals,
};

/// What is drawn: a name, and whether more is better.
const CURVES: [(&str, bool); 5] = [
    ("loss", false),
    ("tokens/s", true),
    ("dropped %", false),
    ("validation loss", false),
    ("perplexity", false),
];

/// The dashboard, and the lines that wait for the terminal to be free again.
pub(super) struct Dashboard {
    /// None once it could not be drawn any more.
    screen: Option<TuiMetricsRendererWrapper>,
    interrupter: Interrupter,
    /// The trial whose curves are drawn: the one that began last.
    shown: Option<usize>,
    started: BTreeMap<usize, Instant>,
    notes: Notes,
    lines: Vec<String>,
    total: usize,
    ended: usize,
}

impl Dashboard {
    pub(super) fn new(total: usize, before: usize) -> Self {
        let interrupter = Interrupter::new();
        let mut screen = TuiMetricsRendererWrapper::new(interrupter.clone(), None);
        for (name, higher_is_better) in CURVES {
            screen.register_metric(MetricDefinition {
                metric_id: id(name),
                name: Arc::new(name.to_owned()),
                description: None,
                attributes: NumericAttributes {
                    unit: None,
                    higher_is_better,
                }
                .into(),
            });
        }
        Self {
            screen: Some(screen),
            interrupter,
            shown: None,
            started: BTreeMap::new(),
            notes: Notes::default(),
            lines: Vec::new(),
            total,
            ended: before,
        }
    }

    /// Draws, and passes on that a person asked to stop.
    fn draw(&mut self, draw: impl FnOnce(&mut TuiMetricsRendererWrapper)) {
        let Some(screen) = &mut self.screen else {
            return;
        };
        // The dashboard's own key for ending at once panics.
        let drawn = catch_unwind(AssertUnwindSafe(|| draw(screen)));
        if drawn.is_err() {
            std::mem::forget(self.screen.take());
        }
        if drawn.is_err() || self.interrupter.should_stop() {
            self.interrupter.reset();
            signals::STOP.store(true, Ordering::Relaxed);
            signals::SIGNALS.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn curve(&mut self, name: &str, value: Option<f64>, of_training: bool) {
        let Some(value) = value else {
            return;
        };
        let text = SerializedEntry::new(format!("{value:.4}"), value.to_string());
        let state = MetricState::Numeric(
            MetricEntry::new(id(name), text),
            Some(NumericEntry::Value(value)),
        );
        self.draw(|screen| {
            if of_training {
                screen.update_train(state);
            } else {
                screen.update_valid(state);
            }
        });
    }

    fn steps(&mut self, done: usize, steps: usize) {
        self.draw(|screen| {
            screen.start_split("train", steps);
            screen.update_split(done);
        });
    }
}

fn id(name: &str) -> MetricId {
    MetricId::new(Arc::new(name.to_owned()))
}

impl Watcher for Dashboard {
    fn started(&mut self, index: usize, trial: &Trial) {
        self.shown = Some(index);
        self.started.insert(index, Instant::now());
        let (total, ended) = (self.total, self.ended);
        let name = format!("{} {} seed={}", trial.id, trial.cell(), trial.seed);
        let name = crate::visible::visible(&name).into_owned();
        self.draw(|screen| screen.start(total, ended, None, Some(&name)));
    }

    fn event(&mut self, index: usize, trial: &Trial, event: &Event) {
        match event {
            Event::Note { text } => self.lines.extend(self.notes.line(trial, text)),
            Event::Alarm { text, .. } => {
                self.lines.push(format!("{}: warning: {text}", trial.id));
            }
            _ => {}
        }
        if self.shown != Some(index) {
            return;
        }
        match event {
            Event::Started { steps, done } => self.steps(*done, *steps),
            Event::Progress {
                step,
                steps,
                loss,
                tokens_per_s,
                drop_rate,
            } => {
                self.steps(*step, *steps);
                self.curve("loss", *loss, true);
                self.curve("tokens/s", *tokens_per_s, true);
                self.curve("dropped %", drop_rate.map(|rate| 100.0 * rate), true);
            }
            Event::Evaluated {
                valid_loss,
                perplexity,
                ..
            } => {
                self.curve("validation loss", Some(*valid_loss), false);
                self.curve("perplexity", Some(*perplexity), false);
            }
            _ => {}
        }
    }

    fn again(&mut self, _: usize, trial: &Trial, error: &str, retry: u32) {
        self.lines.push(again_line(trial, error, retry));
    }

    fn ended(&mut self, index: usize, trial: &Trial, outcome: &Outcome) {
        let start = self.started.remove(&index);
        let seconds = start.map(|start| start.elapsed().as_secs_f64());
        self.ended += usize::from(*outcome != Outcome::Interrupted);
        let ended = self.ended;
        self.lines
            .push(ended_line((ended, self.total), trial, outcome, seconds));
        self.draw(|screen| screen.update_epoch(ended.saturating_sub(1)));
    }

    fn waiting(&mut self, held: usize) {
        self.draw(|screen| {
            screen.log_event_training(format!("waiting for {held} that another process runs"));
        });
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        drop(self.screen.take());
        self.lines.iter().for_each(|line| super::say(line));
    }
}
