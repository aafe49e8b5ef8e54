//! A sweep as the page carries it.

use std::collections::BTreeMap;

use report::{Cell, Naming};
use runstore::tables::{ExpertRow, StepRow, TokenRow, TrialRow};
use runstore::{Collected, Manifest};
use serde::Serialize;

use crate::decisions::{self, Shape};
use crate::packed::{Packed, Packer};
use crate::texts::{Size, Texts};
use crate::training::{self, Sizes};

/// The tables of a results folder, and what their cells are called by.
#[derive(Debug, Clone, Copy)]
pub struct Sweep<'a> {
    /// The tables.
    pub collected: &'a Collected,
    /// What the folder says of itself.
    pub manifest: &'a Manifest,
    /// The short names of its jobs.
    pub naming: Naming,
}

/// What the page has of a sweep.
#[derive(Debug, Serialize)]
pub(crate) struct SweepData {
    name: String,
    scale: String,
    device: String,
    question: Option<String>,
    /// Labels of cells.
    cells: Vec<String>,
    trials: Vec<TrialData>,
    /// Cells of which no decision was sampled.
    without: Vec<String>,
}

/// What the page has of a trial.
#[derive(Debug, Serialize)]
struct TrialData {
    id: String,
    /// The place of its cell.
    cell: usize,
    seed: u64,
    perplexity: Option<f64>,
    /// The place of its text.
    text: usize,
    experts: usize,
    layers: usize,
    windows: usize,
    packed: Packed,
}

/// The rows of one trial.
#[derive(Default)]
struct Rows<'a> {
    tokens: Vec<&'a TokenRow>,
    experts: Vec<&'a ExpertRow>,
    steps: Vec<&'a StepRow>,
}

impl Rows<'_> {
    /// Layers and experts that any row is of.
    fn sizes(&self) -> Sizes {
        let in_tokens = self.tokens.iter().map(|row| (row.layer, row.expert));
        let in_loads = self.experts.iter().map(|row| (row.layer, row.expert));
        let mut sizes = Sizes {
            experts: 0,
            layers: 0,
        };
        for (layer, expert) in in_tokens.chain(in_loads) {
            sizes.layers = sizes.layers.max(layer as usize + 1);
            sizes.experts = sizes.experts.max(expert as usize + 1);
        }
        sizes
    }
}

impl Sweep<'_> {
    /// Sweep, scale and device, as a reader names them.
    pub(crate) fn title(&self) -> String {
        let Manifest {
            sweep,
            scale,
            device,
            ..
        } = self.manifest;
        format!("{sweep} ({scale}, {device})")
    }

    /// What the page carries of it; `None` where no decision was sampled.
    pub(crate) fn data(&self, texts: &mut Texts) -> Option<SweepData> {
        if self.collected.tokens.is_empty() {
            return None;
        }
        let rows = by_trial(self.collected);
        let trials: BTreeMap<&str, &TrialRow> = self
            .collected
            .trials
            .iter()
            .map(|row| (row.trial_id.as_str(), row))
            .collect();
        let mut data = SweepData {
            name: self.manifest.sweep.clone(),
            scale: self.manifest.scale.clone(),
            device: self.manifest.device.clone(),
            question: self.manifest.question.clone(),
            cells: Vec::new(),
            trials: Vec::new(),
            without: Vec::new(),
        };
        for cell in report::summary(self.collected, self.naming) {
            let sampled = sampled(&cell, &rows);
            if sampled.is_empty() {
                data.without.push(cell.label());
                continue;
            }
            for (id, own) in sampled {
                let place = data.cells.len();
                let trial = TrialData::of(trials[id], place, own, texts);
                data.trials.push(trial);
            }
            data.cells.push(cell.label());
        }
        Some(data)
    }
}

/// The finished trials of a cell of which decisions were sampled.
fn sampled<'a, 'r>(
    cell: &'a Cell,
    rows: &'r BTreeMap<&str, Rows<'r>>,
) -> Vec<(&'a str, &'r Rows<'r>)> {
    let ids = cell.done.iter().map(|(_, id)| id.as_str());
    let own = ids.filter_map(|id| Some((id, rows.get(id)?)));
    own.filter(|(_, rows)| !rows.tokens.is_empty()).collect()
}

fn by_trial(collected: &Collected) -> BTreeMap<&str, Rows<'_>> {
    let mut rows: BTreeMap<&str, Rows<'_>> = BTreeMap::new();
    for row in &collected.tokens {
        rows.entry(&row.trial_id).or_default().tokens.push(row);
    }
    for row in &collected.experts {
        rows.entry(&row.trial_id).or_default().experts.push(row);
    }
    for row in &collected.steps {
        rows.entry(&row.trial_id).or_default().steps.push(row);
    }
    rows
}

impl TrialData {
    fn of(trial: &TrialRow, cell: usize, rows: &Rows<'_>, texts: &mut Texts) -> Self {
        let size = Size::of(trial, &rows.tokens);
        let tokens = rows.tokens.iter().copied();
        let tokens: Vec<&TokenRow> = tokens
            .filter(|row| row.window < size.windows as u64)
            .collect();
        let sizes = rows.sizes();
        let shape = Shape {
            samples: decisions::steps(&tokens),
            layers: sizes.layers,
            text: size,
        };
        let mut packer = Packer::default();
        decisions::pack(&tokens, &shape, &mut packer);
        training::pack(&rows.experts, &rows.steps, sizes, &mut packer);
        Self {
            id: trial.trial_id.clone(),
            cell,
            seed: trial.seed,
            perplexity: trial.perplexity,
            text: texts.of(trial, &tokens, size),
            experts: sizes.experts,
            layers: sizes.layers,
            windows: size.windows,
            packed: packer.pack(),
        }
    }
}
