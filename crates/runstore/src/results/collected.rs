//! The tables of a sweep, in memory.

use std::collections::BTreeMap;

use crate::TrialRecord;
use crate::tables::{
    AlarmRow, ExpertRow, HistogramRow, ProbabilityRow, Row, SpeedRow, StepRow, TokenRow, TrialRow,
    Value,
};

/// The tables of a sweep.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Collected {
    /// One row a trial.
    pub trials: Vec<TrialRow>,
    /// One row a logged step.
    pub steps: Vec<StepRow>,
    /// One row an expert of a layer at a logged step.
    pub experts: Vec<ExpertRow>,
    /// One row a sampled routing decision.
    pub tokens: Vec<TokenRow>,
    /// One row a kind of alarm in a layer.
    pub alarms: Vec<AlarmRow>,
    /// One row a sampled token and expert.
    pub probabilities: Vec<ProbabilityRow>,
    /// One row a bin of a histogram.
    pub histograms: Vec<HistogramRow>,
    /// One row a timed step of a speed trial.
    pub speeds: Vec<SpeedRow>,
}

impl Collected {
    /// Adds one trial's record.
    pub fn add(&mut self, record: TrialRecord) {
        self.trials.push(record.trial);
        self.steps.extend(record.steps);
        self.experts.extend(record.experts);
        self.tokens.extend(record.tokens);
        self.alarms.extend(record.alarms);
        self.probabilities.extend(record.probabilities);
        self.histograms.extend(record.histograms);
        self.speeds.extend(record.speeds);
    }

    /// Keeps the rows of the trials whose id is wanted.
    pub fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.trials.retain(|row| wanted(&row.trial_id));
        self.steps.retain(|row| wanted(&row.trial_id));
        self.experts.retain(|row| wanted(&row.trial_id));
        self.tokens.retain(|row| wanted(&row.trial_id));
        self.alarms.retain(|row| wanted(&row.trial_id));
        self.probabilities.retain(|row| wanted(&row.trial_id));
        self.histograms.retain(|row| wanted(&row.trial_id));
        self.speeds.retain(|row| wanted(&row.trial_id));
    }

    /// Writes each row's cell, found by its trial's id; a timed step's by that of the trial whose step it was.
    pub fn name_cells(&mut self, of_trial: &BTreeMap<String, String>) {
        fn by<R: Row>(column: &str, rows: &mut [R], of_trial: &BTreeMap<String, String>) {
            for row in rows {
                let Some(Value::Text(trial)) = row.value(column) else {
                    continue;
                };
                let cell = of_trial.get(&trial).cloned();
                row.set("cell_id", cell.map_or(Value::Null, Value::Text));
            }
        }
        by("trial_id", &mut self.trials, of_trial);
        by("trial_id", &mut self.steps, of_trial);
        by("trial_id", &mut self.experts, of_trial);
        by("trial_id", &mut self.tokens, of_trial);
        by("trial_id", &mut self.alarms, of_trial);
        by("trial_id", &mut self.probabilities, of_trial);
        by("trial_id", &mut self.histograms, of_trial);
        by("cell_trial_id", &mut self.speeds, of_trial);
    }

    /// Adds the rows of other trials.
    pub fn extend(&mut self, other: Self) {
        self.trials.extend(other.trials);
        self.steps.extend(other.steps);
        self.experts.extend(other.experts);
        self.tokens.extend(other.tokens);
        self.alarms.extend(other.alarms);
        self.probabilities.extend(other.probabilities);
        self.histograms.extend(other.histograms);
        self.speeds.extend(other.speeds);
    }
}
