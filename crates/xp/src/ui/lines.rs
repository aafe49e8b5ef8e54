//! Progress where there is no terminal: a line for each finished trial.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use runstore::tables::TrialStatus;

use super::say;
use crate::{
    config::Trial,
    jobs::Event,
    runner::{Outcome, Watcher},
};

/// Writes a line for each finished trial.
pub(super) struct Lines {
    total: usize,
    ended: usize,
    started: BTreeMap<usize, Instant>,
    notes: Notes,
    waiting: bool,
}

/// What trials note: each once, however many of them note it.
#[derive(Default)]
pub(super) struct Notes(BTreeSet<String>);

impl Notes {
    /// The note as a line, the first time.
    pub(super) fn line(&mut self, trial: &Trial, text: &str) -> Option<String> {
        let is_new = self.0.insert(text.to_owned());
        is_new.then(|| format!("{}: {text}", trial.id))
    }
}

impl Lines {
    pub(super) fn new(total: usize, before: usize) -> Self {
        Self {
            total,
            ended: before,
            started: BTreeMap::new(),
            notes: Notes::default(),
            waiting: false,
        }
    }
}

impl Watcher for Lines {
    fn started(&mut self, index: usize, _: &Trial) {
        self.started.insert(index, Instant::now());
        self.waiting = false;
    }

    fn event(&mut self, _: usize, trial: &Trial, event: &Event) {
        match event {
            Event::Note { text } => {
                if let Some(line) = self.notes.line(trial, text) {
                    say(&line);
                }
            }
            Event::Alarm { text, .. } => say(&format!("{}: warning: {text}", trial.id)),
            _ => {}
        }
    }

    fn again(&mut self, _: usize, trial: &Trial, error: &str, retry: u32) {
        say(&again_line(trial, error, retry));
    }

    fn ended(&mut self, index: usize, trial: &Trial, outcome: &Outcome) {
        self.ended += usize::from(*outcome != Outcome::Interrupted);
        let seconds = self
            .started
            .get(&index)
            .map(|start| start.elapsed().as_secs_f64());
        say(&ended_line(
            (self.ended, self.total),
            trial,
            outcome,
            seconds,
        ));
    }

    fn waiting(&mut self, held: usize) {
        if !self.waiting {
            say(&format!(
                "waiting for {held} {} that another process runs",
                if held == 1 { "trial" } else { "trials" }
            ));
            self.waiting = true;
        }
    }
}

/// What is said of a trial that failed and is started again.
pub(super) fn again_line(trial: &Trial, error: &str, retry: u32) -> String {
    let (id, cell, seed) = (trial.id, trial.cell(), trial.seed);
    format!("{id} {cell} seed={seed}: failed and is tried again (retry {retry}): {error}")
}

/// `[3/30] 3fa91c07b2de strategy=top1 seed=17: done in 12.0 s, perplexity 5.12`, as much of it as a line of the
/// terminal holds: first the last measures go, then the names of the axes, then the end of their values. What
/// went wrong, and the first measure, are always said whole.
pub(super) fn ended_line(
    (ended, total): (usize, usize),
    trial: &Trial,
    outcome: &Outcome,
    seconds: Option<f64>,
) -> String {
    let width = total.to_string().len();
    let took = seconds
        .map(|seconds| format!(" in {seconds:.1} s"))
        .unwrap_or_default();
    let start = format!("[{ended:width$}/{total}] {}", trial.id);
    let measures = measures(outcome);
    let (first, others) = match measures.split_first() {
        Some((first, others)) => (first.as_str(), others),
        None => ("", &[][..]),
    };
    let end = format!(" seed={}: {}{took}{first}", trial.seed, word(outcome));
    let length = |text: &str| text.chars().count();
    let room = super::width();
    let for_cell = room.saturating_sub(length(&start) + 1 + length(&end));
    let cell = match trial.cell() {
        cell if length(&cell) <= for_cell => cell,
        // Without the first measure a line says little, so that is worth more than names.
        _ => cut(trial.values(), for_cell),
    };
    let mut line = format!("{start} {cell}{end}");
    for measure in others {
        if length(&line) + length(measure) > room {
            break;
        }
        line.push_str(measure);
    }
    line
}

/// A text of so many characters at most, or of one that stands for it.
fn cut(text: String, most: usize) -> String {
    if text.chars().count() <= most {
        return text;
    }
    let start: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", start.trim_end())
}

fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done(_) => "done".to_owned(),
        Outcome::Diverged => "diverged".to_owned(),
        Outcome::Stopped(reason) if reason.is_empty() => "stopped early".to_owned(),
        Outcome::Stopped(reason) => format!("stopped early: {reason}"),
        Outcome::Failed(error) => format!("failed: {error}"),
        Outcome::Interrupted => "interrupted".to_owned(),
        Outcome::Elsewhere(outcome) => format!("{} by another process", word(outcome)),
    }
}

fn measures(outcome: &Outcome) -> Vec<String> {
    let Outcome::Done(measures) = outcome else {
        return Vec::new();
    };
    measures
        .iter()
        .map(|(name, value)| format!(", {}", measure(name, *value)))
        .collect()
}

/// A headline measure with its unit.
fn measure(name: &str, value: f64) -> String {
    match name {
        "tokens_per_s" => format!("{value:.0} tokens/s"),
        "drop_rate" => format!("{:.1} % dropped", value * 100.0),
        "gb_per_s" => format!("{value:.2} GB/s"),
        "alarms" if value == 1.0 => "1 alarm".to_owned(),
        "alarms" => format!("{value:.0} alarms"),
        _ => format!("{} {value:.3}", name.replace('_', " ")),
    }
}

/// An event as a line for people, if it is worth one.
pub(crate) fn event_text(event: &Event) -> Option<String> {
    Some(match event {
        Event::Started { steps, done: 0 } => format!("started: {steps} steps"),
        Event::Started { steps, done } => format!("resumed: {done} of {steps} steps were done"),
        Event::Progress { step, steps, .. } => {
            format!("step {step}/{steps}{}", progress_tail(event))
        }
        // Progress says as much.
        // What was refused is shown as the error that it is.
        Event::Logged { .. } | Event::Refused { .. } => return None,
        Event::Evaluated {
            step,
            valid_loss,
            perplexity,
        } => {
            format!("step {step}: validation loss {valid_loss:.4}, perplexity {perplexity:.3}")
        }
        Event::Alarm { text, .. } => format!("warning: {text}"),
        Event::Note { text } => text.clone(),
        Event::Finished { diverged: true, .. } => "diverged".to_owned(),
        Event::Finished { measures, .. } => {
            let measures = self::measures(&Outcome::Done(measures.clone()));
            format!("done{}", measures.concat())
        }
        Event::Stopped { reason, .. } => format!("stopped early: {reason}"),
        Event::Held => "another process runs this trial".to_owned(),
        Event::AlreadyDone { status } => format!("nothing to run: the trial {}", ended(*status)),
        Event::InResults { folder, status } => format!(
            "nothing to run: the trial {}; it is known from {} alone: `--rerun` runs it here",
            ended(*status),
            folder.display()
        ),
        Event::Failed { error } => format!("failed: {error}"),
        Event::Interrupted { step } => {
            format!("interrupted after step {step}; run it again to go on")
        }
    })
}

/// How a trial with a record ended, after its name.
const fn ended(status: TrialStatus) -> &'static str {
    match status {
        TrialStatus::Done | TrialStatus::Failed => "is done",
        TrialStatus::Diverged => "diverged",
        TrialStatus::Stopped => "was stopped early",
    }
}

/// Loss, speed and drops of a progress event, as far as they are known.
pub(super) fn progress_tail(event: &Event) -> String {
    let Event::Progress {
        loss,
        tokens_per_s,
        drop_rate,
        ..
    } = event
    else {
        return String::new();
    };
    let mut tail = String::new();
    if let Some(loss) = loss {
        tail.push_str(&format!("  loss {loss:.3}"));
    }
    if let Some(speed) = tokens_per_s {
        tail.push_str(&format!("  {speed:.0} tokens/s"));
    }
    if let Some(drops) = drop_rate {
        tail.push_str(&format!("  {:.1} % dropped", drops * 100.0));
    }
    tail
}
