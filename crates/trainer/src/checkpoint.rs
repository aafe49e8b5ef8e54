//! Saving a run and going on with it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::interval::{Interval, SavedInterval};
use crate::session::Session;
use crate::timing::{Clock, Part};
use crate::{Best, Evaluation, Learner, Reporter, TrainError};

/// Raised when a checkpoint of the version before can no longer be read.
const FORMAT: u32 = 1;

const COUNTERS: &str = "counters.json";
const MODEL: &str = "model.bpk";
const BEST: &str = "best.bpk";

/// Everything of a checkpoint that is not a parameter or a moment.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counters {
    format: u32,
    /// The settings as text: numbers read back from JSON may differ in their last bit.
    config: String,
    /// The digest of the frozen base, whose parameters are not here.
    base: Option<String>,
    seed: u64,
    step: u64,
    tokens: u64,
    /// Bits of the last logged loss.
    lm: Option<u64>,
    evaluation: Option<SavedEvaluation>,
    lowest: Option<SavedEvaluation>,
    has_best: bool,
    updates: BTreeMap<String, i32>,
    clock: Clock,
    interval: SavedInterval,
}

/// An evaluation with the bits of its loss.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedEvaluation {
    step: u64,
    nll: u64,
    tokens: u64,
}

impl From<Evaluation> for SavedEvaluation {
    fn from(evaluation: Evaluation) -> Self {
        Self {
            step: evaluation.step,
            nll: evaluation.nll.to_bits(),
            tokens: evaluation.tokens,
        }
    }
}

impl From<SavedEvaluation> for Evaluation {
    fn from(saved: SavedEvaluation) -> Self {
        Self {
            step: saved.step,
            nll: f64::from_bits(saved.nll),
            tokens: saved.tokens,
        }
    }
}

impl<L: Learner> Session<'_, L> {
    /// Saves the run, if it has a place for that.
    pub(crate) fn checkpoint<R: Reporter<L>>(
        &mut self,
        model: &L,
        reporter: &mut R,
    ) -> Result<(), TrainError> {
        let Some(slot) = self.run.checkpoints else {
            return Ok(());
        };
        let start = Instant::now();
        let folder = slot
            .begin()
            .map_err(TrainError::slot("begin a checkpoint"))?;
        self.changing.save(model.clone(), &folder.join(MODEL))?;
        if let Some(best) = &self.best {
            self.changing.save(best.model.clone(), &folder.join(BEST))?;
        }
        let counters = Counters {
            format: FORMAT,
            config: self.config_text(),
            base: self.run.base.map(str::to_owned),
            seed: self.run.seed,
            step: self.step,
            tokens: self.tokens,
            lm: self.lm.map(f64::to_bits),
            evaluation: self.evaluation.map(Into::into),
            lowest: self.lowest.map(Into::into),
            has_best: self.best.is_some(),
            updates: self.optimiser.save(model, &self.changing, &folder)?,
            clock: self.clock.clone(),
            interval: self.interval.save(&self.device)?,
        };
        let path = folder.join(COUNTERS);
        let text = serde_json::to_vec(&counters).expect("counters are plain data");
        std::fs::write(&path, text).map_err(TrainError::file("write", &path))?;
        reporter
            .save(&folder)
            .map_err(TrainError::file("write the reports in", &folder))?;
        slot.commit(&folder, self.step)
            .map_err(TrainError::slot("commit a checkpoint"))?;
        self.clock.add(Part::Checkpoint, start.elapsed());
        tracing::debug!(step = self.step, "saved a checkpoint");
        Ok(())
    }

    /// The model to start from: the given one, or that of the latest checkpoint, with everything
    /// else of the run as it was.
    pub(crate) fn resume<R: Reporter<L>>(
        &mut self,
        model: L,
        reporter: &mut R,
    ) -> Result<L, TrainError> {
        let Some(slot) = self.run.checkpoints else {
            return Ok(model);
        };
        let latest = slot
            .latest()
            .map_err(TrainError::slot("look for a checkpoint"))?;
        let Some(folder) = latest else {
            return Ok(model);
        };
        let start = Instant::now();
        let counters = read_counters(&folder.join(COUNTERS))?;
        let differs = |what, found: String, expected: String| {
            if found == expected {
                Ok(())
            } else {
                Err(TrainError::Mismatch {
                    what,
                    found,
                    expected,
                })
            }
        };
        differs("format", counters.format.to_string(), FORMAT.to_string())?;
        differs("settings", counters.config, self.config_text())?;
        let named = |base: Option<&str>| base.unwrap_or("none").to_owned();
        let (found, expected) = (counters.base.as_deref(), self.run.base);
        differs("frozen base", named(found), named(expected))?;
        differs("seed", counters.seed.to_string(), self.run.seed.to_string())?;

        let best = counters
            .has_best
            .then(|| self.changing.load(model.valid(), &folder.join(BEST)))
            .transpose()?;
        let model = self.changing.load(model, &folder.join(MODEL))?;
        self.optimiser
            .load(&model, &self.changing, &folder, &counters.updates)?;
        self.step = counters.step;
        self.tokens = counters.tokens;
        self.lm = counters.lm.map(f64::from_bits);
        self.evaluation = counters.evaluation.map(Into::into);
        self.lowest = counters.lowest.map(Into::into);
        self.best = best
            .zip(self.lowest)
            .map(|(model, evaluation)| Best { model, evaluation });
        self.clock = counters.clock;
        self.interval = Interval::load(counters.interval, &self.device);
        reporter
            .load(&folder)
            .map_err(TrainError::file("read the reports in", &folder))?;
        self.clock.add(Part::Checkpoint, start.elapsed());
        tracing::info!(step = self.step, "resumed from a checkpoint");
        Ok(model)
    }

    fn config_text(&self) -> String {
        serde_json::to_string(self.run.config).expect("settings are plain data")
    }
}

fn read_counters(path: &Path) -> Result<Counters, TrainError> {
    let text = std::fs::read(path).map_err(TrainError::file("read", path))?;
    serde_json::from_slice(&text).map_err(|source| TrainError::Counters {
        path: path.to_owned(),
        source,
    })
}
