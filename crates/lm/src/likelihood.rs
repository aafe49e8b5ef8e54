//! How likely a model finds each token, a text, and what may follow one.

use burn::tensor::{Int, Tensor};
use kernels::Precision;
use moe_layer::Capacity;

use crate::{CausalLm, LmError, LmForward, LmInput, TokenBatch, check_batch, text::check_text};

/// The negative log-likelihood of each target in nats, row by row, on the host.
#[must_use]
pub fn token_losses(forward: &LmForward, batch: &TokenBatch) -> Vec<f64> {
    let losses_t = forward.losses(batch.targets_t(&forward.logits.device()));
    losses_t.into_data().iter::<f32>().map(f64::from).collect()
}

/// The mean negative log-likelihood of each row of a batch over its targets that count, in nats per
/// token, as an evaluation has it: the mean over windows of a text is the logarithm of its perplexity.
///
/// # Errors
///
/// What [`check_batch`] refuses.
pub fn window_losses<M: CausalLm>(
    model: &M,
    batch: &TokenBatch,
    precision: Precision,
) -> Result<Vec<f64>, LmError> {
    read_windows(model, batch, precision).map(|(_, losses)| losses)
}

/// [`window_losses`], and the pass that they are of.
///
/// # Errors
///
/// What [`window_losses`] refuses.
pub fn read_windows<M: CausalLm>(
    model: &M,
    batch: &TokenBatch,
    precision: Precision,
) -> Result<(LmForward, Vec<f64>), LmError> {
    check_batch(batch, model.limits())?;
    let forward = evaluated(model, batch, precision);
    let losses = token_losses(&forward, batch);
    let mean = |row: usize| {
        let places =
            (row * batch.length..(row + 1) * batch.length).filter(|place| batch.counts(*place));
        let (sum, tokens) = places.fold((0.0, 0), |(sum, tokens), place| {
            (sum + losses[place], tokens + 1)
        });
        sum / f64::from(tokens.max(1))
    };
    let means = (0..batch.rows).map(mean).collect();
    Ok((forward, means))
}

/// What each mixture of a model reads of a text, `[T, D]` of all windows behind one another.
///
/// # Errors
///
/// What [`window_losses`] refuses.
pub fn mixture_inputs<M: CausalLm>(
    model: &M,
    batches: &[TokenBatch],
) -> Result<Vec<Tensor<2>>, LmError> {
    let mut read: Vec<Vec<_>> = vec![Vec::new(); model.mixtures().len()];
    for batch in batches {
        let (forward, _) = read_windows(model, batch, Precision::F32)?;
        for (rows, layer) in read.iter_mut().zip(forward.layers) {
            rows.push(layer.x_td);
        }
    }
    let some = read.into_iter().filter(|rows| !rows.is_empty());
    Ok(some.map(|rows| Tensor::cat(rows, 0)).collect())
}

/// A text, and what may follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Continuation<'a> {
    /// What stands before: at least one token.
    pub context: &'a [u32],
    /// What is scored: at least one token.
    pub ids: &'a [u32],
}

/// How likely a model finds a continuation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likelihood {
    /// The log-likelihood of all its tokens together, in nats.
    pub log_likelihood: f64,
    /// Whether each of its tokens is the likeliest at its place.
    pub is_greedy: bool,
}

/// The likelihood of each continuation behind its context, `batch` of them a pass, those of like length
/// together. Neighbours that differ in their last token alone, such as the answers to a question often do, are read
/// once.
///
/// # Equation
///
/// `sum_i log p(t_i | context, t_1 ... t_{i-1})`.
///
/// # Errors
///
/// For an empty context or continuation, one that is longer with its context than the model has
/// positions, and ids that the model does not know.
///
/// # Panics
///
/// On batches of no rows.
pub fn log_likelihoods<M: CausalLm>(
    model: &M,
    continuations: &[Continuation<'_>],
    batch: usize,
    precision: Precision,
) -> Result<Vec<Likelihood>, LmError> {
    let limits = model.limits();
    for (number, one) in continuations.iter().enumerate() {
        for (part, ids) in [("context", one.context), ("continuation", one.ids)] {
            check_text(&format!("{part} {number}"), ids, limits)?;
        }
        // The last token is predicted and not read.
        let (text, tokens) = (format!("text {number}"), one.read());
        if tokens > limits.positions {
            let most = limits.positions;
            return Err(LmError::Long { text, tokens, most });
        }
    }
    let mut order: Vec<usize> = (0..continuations.len()).collect();
    // The longest first: what does not fit into memory shows at once.
    order.sort_by_key(|number| std::cmp::Reverse(continuations[*number].read()));
    let mut likelihoods = vec![None; continuations.len()];
    for numbers in order.chunks(batch) {
        let some: Vec<_> = numbers
            .iter()
            .map(|number| continuations[*number])
            .collect();
        let scored = scored(model, &some, precision);
        for (number, likelihood) in numbers.iter().zip(scored) {
            likelihoods[*number] = Some(likelihood);
        }
    }
    Ok(likelihoods.into_iter().flatten().collect())
}

impl Continuation<'_> {
    /// What the model reads: all but the last token.
    fn text(&self) -> Vec<u32> {
        let read = [self.context, &self.ids[..self.ids.len() - 1]];
        read.concat()
    }

    /// How many tokens that is.
    const fn read(&self) -> usize {
        self.context.len() + self.ids.len() - 1
    }

    /// Where its tokens are predicted.
    fn places(&self) -> std::ops::Range<usize> {
        self.context.len() - 1..self.read()
    }
}

/// The likelihoods of one pass. Continuations that differ in their last token alone are read once.
fn scored<M: CausalLm>(
    model: &M,
    continuations: &[Continuation<'_>],
    precision: Precision,
) -> Vec<Likelihood> {
    let mut texts: Vec<Vec<u32>> = continuations.iter().map(Continuation::text).collect();
    texts.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    texts.dedup();
    let length = texts.first().map_or(0, Vec::len);
    let forward = evaluated(model, &side_by_side(&texts, length), precision);
    // Where each token is predicted, and which it is.
    let (mut places, mut targets) = (Vec::new(), Vec::new());
    for one in continuations {
        let text = one.text();
        let row = texts.iter().position(|read| *read == text);
        let row = row.expect("every text was read");
        places.extend(one.places().map(|place| (row * length + place) as i32));
        targets.extend(one.ids.iter().map(|&id| id as i32));
    }
    let device = forward.logits.device();
    let integers = |values: &[i32]| Tensor::<1, Int>::from_data(values, &device);
    let logits_pv = forward.logits.select(0, integers(&places));
    let likeliest: Vec<i64> = logits_pv.clone().argmax(1).into_data().iter().collect();
    let predicted = LmForward {
        logits: logits_pv,
        layers: Vec::new(),
    };
    let losses = predicted.losses(integers(&targets)).into_data();
    let losses: Vec<f64> = losses.iter::<f32>().map(f64::from).collect();
    let mut tokens = losses.iter().zip(likeliest.iter().zip(&targets));
    let likelihood = |one: &Continuation<'_>| {
        let mut likelihood = Likelihood {
            log_likelihood: 0.0,
            is_greedy: true,
        };
        for (loss, (likeliest, target)) in tokens.by_ref().take(one.ids.len()) {
            likelihood.log_likelihood -= loss;
            likelihood.is_greedy &= *likeliest == i64::from(*target);
        }
        likelihood
    };
    continuations.iter().map(likelihood).collect()
}

/// Texts with padding behind them, which none of their tokens sees.
fn side_by_side(texts: &[Vec<u32>], length: usize) -> TokenBatch {
    let padded = |text: &Vec<u32>| {
        let mut row = text.clone();
        row.resize(length, 0);
        row
    };
    let inputs: Vec<u32> = texts.iter().flat_map(padded).collect();
    TokenBatch {
        targets: vec![0; inputs.len()],
        inputs,
        counted: None,
        texts: None,
        rows: texts.len(),
        length,
    }
}

/// What a model makes of a batch in evaluation.
fn evaluated<M: CausalLm>(model: &M, batch: &TokenBatch, precision: Precision) -> LmForward {
    model.forward(&LmInput {
        ids_bs: batch.ids_bs(&model.device()),
        texts: batch.row_texts(&model.device()),
        noise_seed: 0,
        capacity: Capacity::Evaluation,
        precision,
    })
}
