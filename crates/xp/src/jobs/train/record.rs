//! What the training loop reports, as rows and events.

use std::{fs, io, path::Path};

use corpora::Dataset;
use moe_layer::RoutingTrace;
use runstore::tables::{ExpertRow, StepRow, TrialRow};
use serde::{Deserialize, Serialize};
use trainer::{EvalReport, Heartbeat, Reporter, StepReport, Timing, Trained};

use super::{
    health::{Findings, Steps, Watch},
    learner::{LanguageModel, LayerTraces},
    losses,
};
use crate::jobs::{
    Event,
    measures::{RoutingMeasures, expert_rows, last_step},
};

/// The rows of a trial.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Rows {
    pub(super) steps: Vec<StepRow>,
    pub(super) experts: Vec<ExpertRow>,
    #[serde(default)]
    pub(super) findings: Findings,
}

/// Collects rows and tells what happens.
pub(super) struct Recorder<'a> {
    events: &'a mut dyn FnMut(Event),
    planned: usize,
    watch: Option<Watch>,
    rows: Rows,
    drop_rate: Option<f64>,
    started: bool,
}

const FILE: &str = "rows.json";

impl<'a> Recorder<'a> {
    pub(super) fn new(
        events: &'a mut dyn FnMut(Event),
        planned: usize,
        watch: Option<Watch>,
    ) -> Self {
        Self {
            events,
            planned,
            watch,
            rows: Rows::default(),
            drop_rate: None,
            started: false,
        }
    }

    pub(super) fn into_rows(self) -> Rows {
        self.rows
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

impl Reporter<LayerTraces> for Recorder<'_> {
    fn step(&mut self, report: StepReport<LayerTraces>) {
        let layers: Vec<_> = report
            .observation
            .0
            .into_iter()
            .map(RoutingTrace::read)
            .collect();
        let steps = Steps {
            last: report.step,
            count: report.steps,
        };
        let gradients = &report.router_gradient_norms_lm;
        if let Some(watch) = &self.watch {
            let new = watch.judge(steps, &layers, gradients, &mut self.rows.findings);
            new.into_iter().for_each(&mut *self.events);
        }
        let measures = RoutingMeasures::of(&layers);
        self.drop_rate = measures.drop_rate();
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
        row.tokens_per_s = report.timing.tokens_per_s;
        row.step_ms = report.timing.step_s.map(|step| step.median * 1e3);
        measures.fill_step(row);
        self.rows.experts.extend(expert_rows(report.step, &layers));
    }

    fn evaluated(&mut self, report: EvalReport<LayerTraces>) {
        let (step, nll) = (report.evaluation.step, report.evaluation.nll);
        let row = self.row(step);
        row.valid_loss = Some(nll);
        row.perplexity = metrics::language::perplexity(nll);
        if let Some(perplexity) = row.perplexity {
            (self.events)(Event::Evaluated {
                step: step as usize,
                valid_loss: nll,
                perplexity,
            });
        }
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
    pub(super) fn summarise(&self, row: &mut TrialRow) {
        self.findings.summarise(row);
        let Some(last) = self.steps.iter().rev().find(|step| step.loss_lm.is_some()) else {
            return;
        };
        row.train_loss = last.loss_lm;
        row.router_grad_norm_lm = last.router_grad_norm_lm;
        row.router_grad_norm_total = last.router_grad_norm_total;
        last_step(row, last);
        let losses = self.steps.iter().filter_map(|step| step.valid_loss);
        row.best_valid_loss = losses.reduce(f64::min);
        row.best_perplexity = row.best_valid_loss.and_then(metrics::language::perplexity);
    }
}

/// Fills the columns of speed.
pub(super) fn timing(row: &mut TrialRow, timing: &Timing) {
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
pub(super) fn quality(row: &mut TrialRow, trained: &Trained<LanguageModel>, dataset: &Dataset) {
    let Some(evaluation) = trained.evaluation else {
        return;
    };
    let valid = &dataset.valid;
    // Bytes and characters that the evaluated tokens stand for, on average over the text.
    let per_token = |units: usize| units as f64 / valid.ids.len() as f64;
    let bits = evaluation.nll / std::f64::consts::LN_2;
    row.valid_loss = Some(evaluation.nll);
    row.perplexity = metrics::language::perplexity(evaluation.nll);
    row.bits_per_char = Some(bits / per_token(valid.chars));
    row.bits_per_byte = Some(bits / per_token(valid.bytes));
}
