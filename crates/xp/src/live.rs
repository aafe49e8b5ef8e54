//! What a running trial tells of itself, written for `xp watch` and read by it.

use std::time::{Duration, Instant};

use runstore::LiveLog;

use crate::jobs::Event;

/// Time between two lines about progress: a step may take less than a millisecond.
const PAUSE: Duration = Duration::from_millis(500);

/// Writes the events of a trial down, as long as that can be done.
pub(crate) struct Teller {
    log: Option<LiveLog>,
    progress: Option<Instant>,
}

impl Teller {
    /// Begins; without a log nothing is written, which harms nobody but those who look.
    pub(crate) fn new(log: Result<LiveLog, runstore::Error>) -> Self {
        let unwritten =
            |error: &runstore::Error| tracing::warn!(%error, "nobody can watch this trial");
        Self {
            log: log.inspect_err(unwritten).ok(),
            progress: None,
        }
    }

    /// Writes an event down, progress only now and then.
    pub(crate) fn tell(&mut self, event: &Event) {
        let Some(log) = &mut self.log else {
            return;
        };
        if matches!(event, Event::Progress { .. }) {
            if self.progress.is_some_and(|last| last.elapsed() < PAUSE) {
                return;
            }
            self.progress = Some(Instant::now());
        }
        if let Err(error) = log.add(event) {
            tracing::warn!(%error, "nobody can watch this trial any more");
            self.log = None;
        }
    }
}

/// What a trial has told so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Told {
    /// Steps done, and in all.
    pub(crate) step: usize,
    pub(crate) steps: usize,
    /// The last of each that is known.
    pub(crate) loss: Option<f64>,
    pub(crate) valid_loss: Option<f64>,
    pub(crate) tokens_per_s: Option<f64>,
    pub(crate) drop_rate: Option<f64>,
    /// Losses by step.
    pub(crate) train: Vec<(f64, f64)>,
    pub(crate) valid: Vec<(f64, f64)>,
    /// Of each layer the load of its experts, 1 being an equal share.
    pub(crate) loads: Vec<Vec<f64>>,
    /// The last thing that was found unwell.
    pub(crate) alarm: Option<String>,
}

impl Told {
    /// Reads the lines of a trial. One that this program does not know is passed over.
    pub(crate) fn of(lines: &str) -> Self {
        let mut told = Self::default();
        let events = lines
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        events.for_each(|event| told.hear(event));
        told
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Started { steps, done } => (self.step, self.steps) = (done, steps),
            Event::Progress {
                step,
                steps,
                loss,
                tokens_per_s,
                drop_rate,
            } => {
                (self.step, self.steps) = (step, steps);
                self.loss = loss.or(self.loss);
                self.tokens_per_s = tokens_per_s.or(self.tokens_per_s);
                self.drop_rate = drop_rate.or(self.drop_rate);
            }
            Event::Logged { step, loss, loads } => {
                self.train.push((step as f64, loss));
                (self.loss, self.loads) = (Some(loss), loads);
            }
            Event::Evaluated {
                step, valid_loss, ..
            } => {
                self.valid.push((step as f64, valid_loss));
                self.valid_loss = Some(valid_loss);
            }
            Event::Alarm { text, .. } => self.alarm = Some(text),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_everything_counts_and_curves_grow() {
        let events = [
            Event::Started { steps: 40, done: 0 },
            Event::Logged {
                step: 10,
                loss: 3.0,
                loads: vec![vec![0.5, 1.5]],
            },
            Event::Progress {
                step: 12,
                steps: 40,
                loss: None,
                tokens_per_s: Some(900.0),
                drop_rate: Some(0.25),
            },
            Event::Evaluated {
                step: 20,
                valid_loss: 2.5,
                perplexity: 12.2,
            },
            Event::Logged {
                step: 20,
                loss: 2.0,
                loads: vec![vec![1.0, 1.0]],
            },
        ];
        let lines: Vec<String> = events
            .iter()
            .map(|event| serde_json::to_string(event).unwrap())
            .collect();
        let told = Told::of(&format!(
            "{}\n{{\"event\":\"of-tomorrow\"}}\n",
            lines.join("\n")
        ));
        assert_eq!((told.step, told.steps), (12, 40));
        assert_eq!((told.loss, told.valid_loss), (Some(2.0), Some(2.5)));
        assert_eq!(told.train, [(10.0, 3.0), (20.0, 2.0)]);
        assert_eq!(told.valid, [(20.0, 2.5)]);
        assert_eq!(told.loads, [[1.0, 1.0]]);
        assert_eq!(
            (told.tokens_per_s, told.drop_rate),
            (Some(900.0), Some(0.25))
        );
    }
}
