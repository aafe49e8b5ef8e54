//! The cells of a sweep, ready to be timed.

use burn::tensor::Device;
use corpora::Dataset;

use super::memory;
use crate::jobs::{
    DataSettings, JobContext, JobError, JobSettings, SpeedCell, SpeedSettings, layer, pack,
    timed::Timed, train,
};

/// The texts that cells read, each once.
pub(super) struct Texts(Vec<(DataSettings, Dataset)>);

impl Texts {
    /// Reads what the cells read.
    pub(super) fn read(cx: &JobContext<'_>, settings: &SpeedSettings) -> Result<Self, JobError> {
        let mut texts: Vec<(DataSettings, Dataset)> = Vec::new();
        for cell in &settings.cells {
            let JobSettings::Train(train) = &cell.settings else {
                continue;
            };
            if texts.iter().any(|(data, _)| *data == train.data) {
                continue;
            }
            let (corpus, tokenizer) = (&train.data.corpus, &train.data.tokenizer);
            let dataset = corpora::load(corpus, tokenizer, cx.data, cx.fetch)?;
            texts.push((train.data.clone(), dataset));
        }
        Ok(Self(texts))
    }

    fn of(&self, wanted: &DataSettings) -> Option<&Dataset> {
        let text = self.0.iter().find(|(data, _)| data == wanted);
        text.map(|(_, dataset)| dataset)
    }
}

/// Builds cells; what several of them read is made once.
struct Builder<'a> {
    device: Device,
    seed: u64,
    texts: &'a Texts,
    layers: layer::Inputs,
    packs: pack::Inputs,
}

impl<'a> Builder<'a> {
    fn build(&mut self, settings: &'a JobSettings) -> Result<Box<dyn Timed + 'a>, JobError> {
        let (seed, device) = (self.seed, &self.device);
        Ok(match settings {
            JobSettings::Train(settings) => {
                let dataset = self.texts.of(&settings.data).ok_or_else(|| {
                    JobError::Failed("the text of a cell was not read".to_owned())
                })?;
                train::steps(settings, dataset, seed, device)?
            }
            JobSettings::Layer(settings) => {
                Box::new(layer::Bench::new(settings, seed, device, &mut self.layers)?)
            }
            JobSettings::Pack(settings) => {
                Box::new(pack::Bench::new(settings, seed, device, &mut self.packs))
            }
            JobSettings::Router(_) | JobSettings::Speed(_) => {
                let text = "only steps of train, layer and pack trials are timed in turn";
                return Err(JobError::Unsupported(text.to_owned()));
            }
        })
    }
}

/// All cells. Those that fit into memory stay as they are between their steps; the others are built anew for each, and
/// warmed by one step, outside what is timed.
pub(super) struct Bench<'a> {
    cells: &'a [SpeedCell],
    kept: Vec<Option<Box<dyn Timed + 'a>>>,
    tokens: Vec<usize>,
    builder: Builder<'a>,
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
            builder: Builder {
                device: cx.device.clone(),
                seed: cx.trial.seed,
                texts,
                layers: layer::Inputs::default(),
                packs: pack::Inputs::default(),
            },
        };
        let mut room = memory::room();
        // The reference first: it is timed the most.
        let others = (0..bench.cells.len()).filter(|&place| place != settings.reference);
        for place in std::iter::once(settings.reference).chain(others) {
            let cell = &bench.cells[place].settings;
            let built = bench.builder.build(cell)?;
            bench.tokens[place] = built.tokens();
            let need = memory::need(cell, texts.of_cell(cell));
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
        let mut built = self.builder.build(&self.cells[cell].settings)?;
        built.step()?;
        built.step()
    }
}

impl Texts {
    /// The size of the vocabulary that a cell's text has, where it reads one.
    fn of_cell(&self, settings: &JobSettings) -> Option<usize> {
        let JobSettings::Train(settings) = settings else {
            return None;
        };
        self.of(&settings.data)
            .map(|dataset| dataset.tokenizer.vocab_size())
    }
}
