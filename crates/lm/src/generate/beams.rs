//! Beam search: several continuations of each prompt side by side, and the likeliest of them whole.

use std::{cmp::Ordering, num::NonZeroUsize, ops::Range};

use super::{
    Ending, Generated, GenerationConfig, generate,
    generation::{check, name},
    prompts::Columns,
    sampling::largest,
};
use crate::{Decoder, LmError};

/// A continuation that goes on: a row of the batch.
struct Beam {
    /// The number of its prompt.
    prompt: usize,
    ids: Vec<u32>,
    /// The log-likelihood of its tokens together.
    sum: f64,
}

impl Beam {
    /// A prompt with nothing behind it.
    const fn first(prompt: usize) -> Self {
        Self {
            prompt,
            ids: Vec::new(),
            sum: 0.0,
        }
    }

    /// Its tokens and one more.
    fn and(&self, token: u32) -> Vec<u32> {
        self.ids.iter().copied().chain([token]).collect()
    }
}

/// A beam and a token behind it.
#[derive(Clone, Copy)]
struct Candidate {
    /// The row of the beam.
    row: usize,
    token: u32,
    /// The log-likelihood with it.
    sum: f64,
}

/// A continuation that has ended.
struct Finished {
    generated: Generated,
    score: f64,
}

/// A prompt, and the best of its continuations that have ended.
struct Prompt<'a> {
    config: &'a GenerationConfig,
    beams: usize,
    /// Tokens behind it for which the model has positions, and one more.
    room: usize,
    finished: Vec<Finished>,
}

impl Prompt<'_> {
    /// Takes in what has ended of the candidates, likeliest first, of `written` tokens each, and gives those that go
    /// on.
    fn advance(
        &mut self,
        candidates: &[Candidate],
        going: &[Beam],
        written: usize,
    ) -> Vec<Candidate> {
        let score = |own: &Candidate| own.sum / written as f64;
        let stops = |own: &Candidate| self.config.stop_ids.contains(&own.token);
        let (ends, goes_on): (Vec<_>, Vec<_>) = candidates
            .iter()
            .enumerate()
            .partition(|(_, own)| stops(own));
        for (rank, own) in ends {
            if rank < self.beams {
                self.finish(going[own.row].ids.clone(), score(own), Ending::Stop);
            }
        }
        let worst = self.finished.get(self.beams - 1);
        if worst.is_some_and(|worst| worst.score >= score(&candidates[0])) {
            return Vec::new();
        }
        let goes_on = goes_on.into_iter().take(self.beams).map(|(_, own)| *own);
        let ending = if written == self.config.max_tokens {
            Ending::Length
        } else if written == self.room {
            Ending::Positions
        } else {
            return goes_on.collect();
        };
        for own in goes_on {
            self.finish(going[own.row].and(own.token), score(&own), ending);
        }
        Vec::new()
    }

    fn finish(&mut self, ids: Vec<u32>, score: f64, ending: Ending) {
        let generated = Generated { ids, ending };
        self.finished.push(Finished { generated, score });
        // Stable: of equals the first stays first.
        self.finished.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.finished.truncate(self.beams);
    }
}

/// Continues prompts by beam search; nothing is drawn, whatever `config.sampling` says.
///
/// # Equation
///
/// In each step the `2 beams` likeliest of all continuations of a prompt's beams by one token are looked at, by
/// `s = sum_i log p(t_i | what is before)`. Those among the first `beams` that end with a stop id have ended, with the
/// score `s / n` over their n tokens, the stop id among them; of the others the first `beams` go on. A prompt is done
/// at the most tokens, where those that go on have ended too, or when `beams` have ended and none of them scores less
/// than the likeliest candidate would by now. The answer is the one of the highest score.
///
/// # Reference
///
/// `generate(num_beams=...)` of Hugging Face's transformers with its defaults: a length penalty of 1 and no early
/// stopping.
///
/// # Errors
///
/// What [`generate`](super::generate) refuses, and logits that are no numbers.
pub fn search<M: Decoder>(
    model: &M,
    prompts: &[Vec<u32>],
    beams: NonZeroUsize,
    config: &GenerationConfig,
) -> Result<Vec<Generated>, LmError> {
    check(model, prompts, config)?;
    if config.max_tokens == 0 {
        // There is nothing to search for.
        return generate(model, prompts, config)?.finish();
    }
    let (device, positions) = (model.device(), model.limits().positions);
    let asked = |prompt: &Vec<u32>| Prompt {
        config,
        beams: beams.get(),
        room: positions - prompt.len() + 1,
        finished: Vec::new(),
    };
    let mut asked: Vec<Prompt<'_>> = prompts.iter().map(asked).collect();
    let mut going: Vec<Beam> = (0..prompts.len()).map(Beam::first).collect();
    let (mut cache, mut columns) = (model.cache(), Columns::of(prompts));
    for step in 0.. {
        let logits_bv = model.decode(&columns.input(config, step, &device), &mut cache);
        let [_, vocab] = logits_bv.dims();
        let logits: Vec<f32> = logits_bv.into_data().iter::<f32>().collect();
        let mut chosen = Vec::new();
        for rows in by_prompt(&going) {
            let (prompt, written) = (going[rows.start].prompt, step as usize + 1);
            let candidates = candidates(&logits, vocab, &going, (rows, 2 * beams.get()));
            let candidates = candidates.ok_or_else(|| LmError::Logits {
                text: name(prompt),
                token: written - 1,
            })?;
            chosen.extend(asked[prompt].advance(&candidates, &going, written));
        }
        if chosen.is_empty() {
            break;
        }
        let rows: Vec<usize> = chosen.iter().map(|own| own.row).collect();
        cache = model.select(cache, &rows);
        columns.select(&rows);
        going = chosen
            .iter()
            .map(|own| Beam {
                prompt: going[own.row].prompt,
                ids: going[own.row].and(own.token),
                sum: own.sum,
            })
            .collect();
        columns.follow(chosen.iter().zip(&going).map(|(own, beam)| {
            let place = prompts[beam.prompt].len() + beam.ids.len() - 1;
            Some((own.token, place))
        }));
    }
    let answers = asked.into_iter().map(|prompt| {
        let mut finished = prompt.finished.into_iter();
        finished.next().expect("every prompt has ended").generated
    });
    Ok(answers.collect())
}

/// The likeliest continuations of a prompt's beams by one token, at most so many; none where the logits give none.
fn candidates(
    logits: &[f32],
    vocab: usize,
    going: &[Beam],
    (rows, most): (Range<usize>, usize),
) -> Option<Vec<Candidate>> {
    let mut candidates = Vec::new();
    for row in rows {
        let found = likeliest(&logits[row * vocab..][..vocab], most)?;
        candidates.extend(found.into_iter().map(|(token, log_p)| Candidate {
            row,
            token,
            sum: going[row].sum + log_p,
        }));
    }
    candidates.sort_by(|a, b| likelier_first((a.sum, a.row, a.token), (b.sum, b.row, b.token)));
    candidates.truncate(most);
    Some(candidates)
}

/// The rows of each prompt, which stand together.
fn by_prompt(going: &[Beam]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    let prompts = going.chunk_by(|one, other| one.prompt == other.prompt);
    prompts.map(move |beams| {
        let rows = start..start + beams.len();
        start = rows.end;
        rows
    })
}

/// The likeliest tokens, at most so many, each with its log-probability; none where the logits give none.
fn likeliest(logits: &[f32], most: usize) -> Option<Vec<(u32, f64)>> {
    let largest = f64::from(logits[largest(logits)?]);
    let sum: f64 = logits
        .iter()
        .map(|logit| (f64::from(*logit) - largest).exp())
        .sum();
    let log_sum = largest + sum.ln();
    let logits = logits.iter().enumerate();
    let mut tokens: Vec<(u32, f64)> = logits
        .map(|(token, logit)| (token as u32, f64::from(*logit) - log_sum))
        .collect();
    let order = |a: &(u32, f64), b: &(u32, f64)| likelier_first((a.1, 0, a.0), (b.1, 0, b.0));
    if most < tokens.len() {
        tokens.select_nth_unstable_by(most - 1, order);
        tokens.truncate(most);
    }
    Some(tokens)
}

/// By log-likelihood, of equals by row and token.
fn likelier_first(a: (f64, usize, u32), b: (f64, usize, u32)) -> Ordering {
    b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2)))
}
