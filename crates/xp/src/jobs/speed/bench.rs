//! The cells of a sweep, ready to be timed.

use super::{
    memory,
    settings::{SpeedCell, SpeedSettings},
};
use crate::jobs::{
    context::{JobContext, JobError},
    job::Job,
    memo::Memo,
    timed::{Shared, Texts, Timed},
};

/// All cells. Those that fit into memory stay as they are between their steps; the others are built anew for each, and
/// warmed by one step, outside what is timed.
pub(super) struct Bench<'a> {
    cells: &'a [SpeedCell],
    kept: Vec<Option<Box<dyn Timed + 'a>>>,
    tokens: Vec<usize>,
    shared: Shared<'a>,
}

impl<'a> Bench<'a> {
    /// Builds the cells of a speed trial.
    pub(super) fn new(
        cx: &JobContext<'_>,
        settings: &'a SpeedSettings,
        texts: &'a Texts,
    ) -> Result<Self, JobError> {
        let mut bench = Self {
            cells: &settings.cells,
            kept: settings.cells.iter().map(|_| None).collect(),
            tokens: vec![0; settings.cells.len()],
            shared: Shared {
                device: cx.device.clone(),
                seed: cx.seed,
                texts,
                made: Memo::default(),
            },
        };
        let mut room = memory::room();
        // The reference first: it is timed the most.
        let others = (0..bench.cells.len()).filter(|&place| place != settings.reference);
        for place in std::iter::once(settings.reference).chain(others) {
            let cell = &*bench.cells[place].settings;
            let built = cell.step(&mut bench.shared)?;
            bench.tokens[place] = built.tokens();
            let need = cell.kept_bytes(vocab(cell, texts));
            if place == settings.reference || need <= room {
                room = room.saturating_sub(need);
                bench.kept[place] = Some(built);
            }
        }
        Ok(bench)
    }

    /// Cells that are built anew for each of their steps.
    pub(super) fn rebuilt(&self) -> usize {
        self.kept.iter().filter(|kept| kept.is_none()).count()
    }

    /// Tokens of a cell's step.
    pub(super) fn tokens(&self, cell: usize) -> usize {
        self.tokens[cell]
    }

    /// Times a cell's step.
    pub(super) fn step(&mut self, cell: usize) -> Result<f64, JobError> {
        if let Some(kept) = &mut self.kept[cell] {
            return kept.step();
        }
        let mut built = self.cells[cell].settings.step(&mut self.shared)?;
        built.step()?;
        built.step()
    }
}

/// The size of the vocabulary of a cell's text, where it reads one.
fn vocab(cell: &dyn Job, texts: &Texts) -> Option<usize> {
    let sources = cell.sources();
    let text = sources.iter().find_map(|source| texts.of(source))?;
    Some(text.tokenizer.vocab_size())
}
