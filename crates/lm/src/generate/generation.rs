//! The loop: read, choose, and read what was chosen.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{GenerationConfig, prompts::Columns};
use crate::{Decoder, LmError, text::check_text};

/// Why a text is not continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// One of the stop ids was chosen.
    Stop,
    /// It has as many tokens as were asked for.
    Length,
    /// The model has no position for another token.
    Positions,
}

/// What was written behind a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The tokens, without the prompt's and without the one that ended it.
    pub ids: Vec<u32>,
    /// Why it ended.
    pub ending: Ending,
}

/// Texts that are being continued side by side. Each step is one token of each, so whoever shows them
/// can do so at once, and stop when it likes.
pub struct Generation<'a, M: Decoder> {
    model: &'a M,
    config: &'a GenerationConfig,
    cache: M::Cache,
    columns: Columns,
    texts: Vec<Text>,
    steps: u64,
}

/// One of the texts.
struct Text {
    /// Tokens of the prompt.
    prompt: usize,
    ids: Vec<u32>,
    ending: Option<Ending>,
    draws: ChaCha8Rng,
}

/// Continues prompts, each as if it were alone.
///
/// A model that is on an autodiff device keeps its graph: take its `valid()`.
///
/// ```
/// # use lm::{Decoder, GenerationConfig, LmError, generate};
/// fn show<M: Decoder>(model: &M, prompt: Vec<u32>) -> Result<(), LmError> {
///     let config = GenerationConfig::greedy(64);
///     for step in generate(model, &[prompt], &config)? {
///         // One token of each text that goes on.
///         let id = step?[0];
///         # let _ = id;
///     }
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// Without prompts, for one that is empty, longer than the model has positions or of ids that the model
/// does not know, and for settings out of bounds.
pub fn generate<'a, M: Decoder>(
    model: &'a M,
    prompts: &[Vec<u32>],
    config: &'a GenerationConfig,
) -> Result<Generation<'a, M>, LmError> {
    check(model, prompts, config)?;
    let text = |(number, prompt): (usize, &Vec<u32>)| {
        let mut draws = ChaCha8Rng::seed_from_u64(config.sampling.seed);
        draws.set_stream(number as u64);
        Text {
            prompt: prompt.len(),
            ids: Vec::new(),
            ending: (config.max_tokens == 0).then_some(Ending::Length),
            draws,
        }
    };
    Ok(Generation {
        model,
        config,
        cache: model.cache(),
        columns: Columns::of(prompts),
        texts: prompts.iter().enumerate().map(text).collect(),
        steps: 0,
    })
}

/// Refuses prompts that a model cannot read, and settings out of bounds.
pub(super) fn check<M: Decoder>(
    model: &M,
    prompts: &[Vec<u32>],
    config: &GenerationConfig,
) -> Result<(), LmError> {
    config.sampling.check()?;
    if prompts.is_empty() {
        let text = "a batch of no prompts".to_owned();
        return Err(LmError::Empty { text });
    }
    let limits = model.limits();
    let mut prompts = prompts.iter().enumerate();
    prompts.try_for_each(|(number, prompt)| check_text(&name(number), prompt, limits))
}

pub(super) fn name(number: usize) -> String {
    format!("prompt {number}")
}

impl<M: Decoder> Generation<'_, M> {
    /// Writes all texts to their ends.
    ///
    /// # Errors
    ///
    /// When the model's logits are no numbers.
    pub fn finish(mut self) -> Result<Vec<Generated>, LmError> {
        for step in &mut self {
            step?;
        }
        let generated = |text: Text| Generated {
            ids: text.ids,
            ending: text.ending.expect("there is no step left"),
        };
        Ok(self.texts.into_iter().map(generated).collect())
    }

    /// Why each text ended; nothing for those that go on.
    pub fn endings(&self) -> impl Iterator<Item = Option<Ending>> {
        self.texts.iter().map(|text| text.ending)
    }

    /// Reads the next columns and chooses a token for each text that goes on.
    fn step(&mut self) -> Result<Vec<Option<u32>>, LmError> {
        let device = self.model.device();
        let input = self.columns.input(self.config, self.steps, &device);
        let logits_bv = self.model.decode(&input, &mut self.cache);
        let [_, vocab] = logits_bv.dims();
        let logits: Vec<f32> = logits_bv.into_data().iter::<f32>().collect();
        let rows = logits.chunks_exact(vocab).enumerate();
        let positions = self.model.limits().positions;
        let mut chosen = Vec::with_capacity(self.texts.len());
        for (text, (number, logits)) in self.texts.iter_mut().zip(rows) {
            chosen.push(if text.ending.is_some() {
                None
            } else {
                text.choose(logits, self.config, positions)
                    .ok_or_else(|| LmError::Logits {
                        text: name(number),
                        token: text.ids.len(),
                    })?
            });
        }
        let places = self.texts.iter();
        let places = places.map(|text| (text.prompt + text.ids.len()).saturating_sub(1));
        let next = chosen.iter().zip(places);
        self.columns
            .follow(next.map(|(id, place)| id.map(|id| (id, place))));
        self.steps += 1;
        Ok(chosen)
    }
}

impl Text {
    /// The next token, or nothing where it ends the text; none at all where the logits give none.
    #[expect(clippy::option_option, reason = "no token to choose, no token to show")]
    fn choose(
        &mut self,
        logits: &[f32],
        config: &GenerationConfig,
        positions: usize,
    ) -> Option<Option<u32>> {
        let id = config.sampling.choose(logits, &mut self.draws)?;
        if config.stop_ids.contains(&id) {
            self.ending = Some(Ending::Stop);
            return Some(None);
        }
        self.ids.push(id);
        self.ending = if self.ids.len() == config.max_tokens {
            Some(Ending::Length)
        } else if self.prompt + self.ids.len() > positions {
            Some(Ending::Positions)
        } else {
            None
        };
        Some(Some(id))
    }
}

impl<M: Decoder> Iterator for Generation<'_, M> {
    /// The next token of each text, in the order of the prompts; nothing for those that have ended.
    type Item = Result<Vec<Option<u32>>, LmError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.texts.iter().all(|text| text.ending.is_some()) {
            return None;
        }
        match self.step() {
            // All that went on were stopped: there is nothing to show.
            Ok(chosen) if chosen.iter().all(Option::is_none) => None,
            step => Some(step),
        }
    }
}
