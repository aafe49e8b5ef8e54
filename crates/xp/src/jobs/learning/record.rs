//! What the training loop reports, as rows and events.

use std::{
    fs, io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use corpora::{CorpusError, Dataset, valid_windows};
use lm::{CausalLm, LanguageModel, LayerTraces, measure};
use moe_layer::{LayerReading, RoutingTrace};
use runstore::tables::{ExpertRow, LossRow, StepRow, TokenRow, TrialRow};
use serde::{Deserialize, Serialize};
use trainer::{
    EvalReport, Evaluation, Heartbeat, Learner, Reporter, StepReport, Timing, TrainConfig, Trained,
};

use super::{
    arithmetic::Arithmetic,
    health::{Findings, Steps, Watch},
    losses,
};
use crate::{
    jobs::{
        context::Event,
        measures::{RoutingMeasures, expert_rows, last_step},
    },
    median::{self, MedianRule},
};

/// The rows of a trial.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::jobs) struct Rows {
    pub(in crate::jobs) steps: Vec<StepRow>,
    pub(in crate::jobs) experts: Vec<ExpertRow>,
    #[serde(default)]
    pub(in crate::jobs) losses: Vec<LossRow>,
    /// Routing decisions that were sampled on the way.
    #[serde(default)]
    pub(in crate::jobs) tokens: Vec<TokenRow>,
    #[serde(default)]
    pub(in crate::jobs) findings: Findings,
    /// Training tokens and arithmetic up to the last logged step.
    #[serde(default)]
    done: Work,
    /// Share of assignments that the capacity of training dropped in the last evaluation.
    #[serde(default)]
    eval_drop_rate: Option<f64>,
}

/// What training has cost.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Work {
    tokens: u64,
    flops: f64,
}

/// Collects rows and tells what happens.
pub(in crate::jobs) struct Recorder<'a> {
    events: &'a mut dyn FnMut(Event),
    planned: usize,
    watch: Option<Watch>,
    arithmetic: Option<Arithmetic>,
    /// What stops the trial when it is hopeless, and how the loop is told to stop.
    rule: Option<(&'a MedianRule, &'a AtomicBool)>,
    hopeless: Option<String>,
    rows: Rows,
    drop_rate: Option<f64>,
    started: bool,
}

const FILE: &str = "rows.json";

/// A training step is a forward pass and a backward pass of twice its arithmetic.
const FORWARDS_A_STEP: f64 = 3.0;

impl<'a> Recorder<'a> {
    pub(in crate::jobs) fn new(
        events: &'a mut dyn FnMut(Event),
        planned: usize,
        watch: Option<Watch>,
        arithmetic: Option<Arithmetic>,
    ) -> Self {
        Self {
            events,
            planned,
            watch,
            arithmetic,
            rule: None,
            hopeless: None,
            rows: Rows::default(),
            drop_rate: None,
            started: false,
        }
    }

    /// Adds decisions that were sampled after `step`, where none of it are there: a run that was interrupted before
    /// its first step comes by it again.
    pub(in crate::jobs) fn sampled(&mut self, step: u64, rows: impl FnOnce() -> Vec<TokenRow>) {
        if self.rows.tokens.last().is_none_or(|row| row.step < step) {
            self.rows.tokens.extend(rows());
        }
    }

    /// The same, which stops the run where a rule finds it hopeless.
    pub(in crate::jobs) fn under(self, rule: Option<&'a MedianRule>, stop: &'a AtomicBool) -> Self {
        Self {
            rule: rule.map(|rule| (rule, stop)),
            ..self
        }
    }

    /// The rows, and why the run was found hopeless, if it was.
    pub(in crate::jobs) fn into_rows(self) -> (Rows, Option<String>) {
        (self.rows, self.hopeless)
    }

    fn judge(&mut self, step: u64) {
        let Some((rule, stop)) = self.rule else {
            return;
        };
        // At its last step a trial is done.
        if step < self.planned as u64 {
            self.hopeless = rule.judge(&median::curve(self.rows.steps.iter()));
            if self.hopeless.is_some() {
                stop.store(true, Ordering::Relaxed);
            }
        }
    }

    /// The arithmetic of training so far, an interval of tokens further on, where a token's is known.
    fn work(&mut self, tokens: u64, measures: &RoutingMeasures) -> Option<f64> {
        let done = &mut self.rows.done;
        let flops = self.arithmetic?.of_token(measures.expert_rows_per_token()?);
        done.flops += FORWARDS_A_STEP * (tokens - done.tokens) as f64 * flops;
        done.tokens = tokens;
        Some(done.flops)
    }

    /// The row of a step, which a log and an evaluation of the same step share.
    fn row(&mut self, step: u64) -> &mut StepRow {
        if self.rows.steps.last().is_none_or(|row| row.step != step) {
            self.rows.steps.push(StepRow {
                step,
                ..StepRow::default()
            });
        }
        self.rows.steps.last_mut().expect("a row was just made")
    }
}

impl<M: CausalLm> Reporter<LanguageModel<M>> for Recorder<'_> {
    fn step(&mut self, report: StepReport<LayerTraces>) {
        let layers: Vec<_> = report
            .observation
            .mixtures
            .into_iter()
            .map(RoutingTrace::read)
            .collect();
        (self.events)(Event::Logged {
            step: report.step as usize,
            loss: report.lm,
            loads: layers.iter().map(shares).collect(),
        });
        let steps = Steps {
            last: report.step,
            count: report.steps,
        };
        let gradients = &report.router_gradient_norms_lm;
        if let Some(watch) = &self.watch {
            let new = watch.judge(steps, &layers, gradients, &mut self.rows.findings);
            new.into_iter().for_each(&mut *self.events);
        }
        let wide = self.arithmetic.map_or(1.0, |known| known.experts_wide);
        let measures = RoutingMeasures::of(&layers, wide);
        self.drop_rate = measures.drop_rate();
        let train_flops = self.work(report.tokens, &measures);
        let balance: f64 = report.aux.iter().map(|(_, loss)| loss).sum();
        let row = self.row(report.step);
        row.tokens_seen = report.tokens;
        row.learning_rate = Some(report.learning_rate);
        row.loss_lm = Some(report.lm);
        row.loss_total = Some(report.lm + balance);
        losses::fill(row, &report.aux);
        row.grad_norm = Some(report.gradient_norm);
        row.router_grad_norm_lm = Some(report.router_gradient_norm_lm);
        row.router_grad_norm_total = Some(report.router_gradient_norm);
        row.tokens_per_s = report.speed.tokens_per_s;
        row.step_ms = report.speed.step_s.map(|step| step * 1e3);
        row.train_flops = train_flops;
        measures.fill_step(row);
        self.rows.experts.extend(expert_rows(report.step, &layers));
        let losses = losses::rows(report.step, &report.aux);
        self.rows.losses.extend(losses);
    }

    fn evaluated(&mut self, report: EvalReport<LayerTraces>) {
        let (step, nll) = (report.evaluation.step, report.evaluation.nll);
        let named = |wanted| {
            let found = report.measures.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, mean)| *mean)
        };
        let limited = named(measure::TRAIN_CAPACITY_LOSS);
        self.rows.eval_drop_rate = named(measure::DROP_RATE);
        let row = self.row(step);
        row.valid_loss_train_capacity = limited;
        row.perplexity_train_capacity = limited.and_then(metrics::language::perplexity);
        row.valid_loss = Some(nll);
        row.perplexity = metrics::language::perplexity(nll);
        if let Some(perplexity) = row.perplexity {
            (self.events)(Event::Evaluated {
                step: step as usize,
                valid_loss: nll,
                perplexity,
            });
        }
        self.judge(step);
    }

    fn heartbeat(&mut self, beat: Heartbeat) {
        if !self.started {
            self.started = true;
            let done = beat.step.saturating_sub(1) as usize;
            (self.events)(Event::Started {
                steps: self.planned,
                done,
            });
        }
        (self.events)(Event::Progress {
            step: beat.step as usize,
            steps: beat.steps as usize,
            loss: beat.lm,
            tokens_per_s: beat.tokens_per_s,
            drop_rate: self.drop_rate,
        });
    }

    fn save(&mut self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join(FILE), serde_json::to_vec(&self.rows)?)
    }

    fn load(&mut self, folder: &Path) -> io::Result<()> {
        self.rows = serde_json::from_slice(&fs::read(folder.join(FILE))?)?;
        Ok(())
    }
}

impl Rows {
    /// Fills the trial's columns that are those of its last logged step, and what was found unwell.
    pub(in crate::jobs) fn summarise(&self, row: &mut TrialRow) {
        self.findings.summarise(row);
        let Some(last) = self.steps.iter().rev().find(|step| step.loss_lm.is_some()) else {
            return;
        };
        row.train_loss = last.loss_lm;
        row.router_grad_norm_lm = last.router_grad_norm_lm;
        row.router_grad_norm_total = last.router_grad_norm_total;
        row.train_flops = last.train_flops;
        last_step(row, last);
        row.eval_drop_rate = self.eval_drop_rate;
        let mut evaluated = self.steps.iter().rev();
        let evaluated = evaluated.find_map(|step| step.valid_loss_train_capacity);
        row.valid_loss_train_capacity = evaluated;
        row.perplexity_train_capacity = evaluated.and_then(metrics::language::perplexity);
        let losses = self.steps.iter().filter_map(|step| step.valid_loss);
        row.best_valid_loss = losses.reduce(f64::min);
        row.best_perplexity = row.best_valid_loss.and_then(metrics::language::perplexity);
    }
}

/// The load of each expert of a layer before drops, 1 being an equal share.
fn shares(layer: &LayerReading) -> Vec<f64> {
    let loads = &layer.assignments_before;
    let mean = loads.iter().sum::<f64>() / loads.len().max(1) as f64;
    let share = |load: &f64| if mean > 0.0 { load / mean } else { 0.0 };
    // Three digits are enough to look at.
    loads
        .iter()
        .map(|load| (share(load) * 1e3).round() / 1e3)
        .collect()
}

/// Fills the columns of speed.
pub(in crate::jobs) fn timing(row: &mut TrialRow, timing: &Timing) {
    row.tokens_per_s = timing.tokens_per_s;
    row.step_ms_median = timing.step_s.map(|step| step.median * 1e3);
    row.step_ms_p10 = timing.step_s.map(|step| step.p10 * 1e3);
    row.step_ms_p90 = timing.step_s.map(|step| step.p90 * 1e3);
    row.train_s = Some(timing.train_s);
    row.eval_s = Some(timing.eval_s);
    row.data_s = Some(timing.data_s);
    row.observe_s = Some(timing.observe_s);
}

/// Fills the columns of the last evaluation.
pub(in crate::jobs) fn quality<M: Learner>(
    row: &mut TrialRow,
    trained: &Trained<M>,
    (dataset, train): (&Dataset, &TrainConfig),
) -> Result<(), CorpusError> {
    let Some(evaluation) = trained.evaluation else {
        return Ok(());
    };
    let (sequence, batch) = (train.sequence.get(), train.batch.get());
    let windows = valid_windows(&dataset.valid.ids, sequence, batch, train.eval_windows)?;
    let predicted = corpora::predicted_text(dataset, &windows);
    let nats = evaluation.nll * predicted.tokens as f64;
    loss(row, &evaluation);
    row.bits_per_char = metrics::language::bits_per_character(nats, predicted.chars);
    row.bits_per_byte = metrics::language::bits_per_byte(nats, predicted.bytes);
    Ok(())
}

/// Fills the columns of an evaluation's loss.
pub(in crate::jobs) fn loss(row: &mut TrialRow, evaluation: &Evaluation) {
    row.valid_loss = Some(evaluation.nll);
    row.perplexity = metrics::language::perplexity(evaluation.nll);
}
