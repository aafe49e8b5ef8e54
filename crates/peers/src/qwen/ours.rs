//! Our side: a prompt that is read, texts that are written token by token.

use std::time::Instant;

use burn::tensor::{Device, Int, Tensor, TensorData};
use kernels::Precision;
use lm::{Decoder, DecoderInput, LmInput};
use models_qwen::Qwen2Moe;
use moe_layer::{BatchRows, Capacity};

use crate::rounds::Contender;

/// A model and where it is.
#[derive(Clone, Copy)]
pub(super) struct Ours<'a> {
    pub(super) model: &'a Qwen2Moe,
    pub(super) vocab: usize,
    pub(super) device: &'a Device,
}

impl<'a> Ours<'a> {
    /// A prompt of so many tokens, read anew each time.
    pub(super) fn prompt(self, length: usize) -> Reading<'a> {
        Reading {
            ours: self,
            next: ids(1, length, self.vocab),
            before: 0,
            cache: None,
        }
    }

    /// Texts of so many tokens, of which each step writes one more.
    pub(super) fn writing(self, batch: usize, length: usize) -> Reading<'a> {
        let mut cache = self.model.cache();
        let first = ids(batch, length, self.vocab);
        Reading {
            ours: self,
            next: likeliest(&self.logits(&first, 0, &mut cache)),
            before: length,
            cache: Some(cache),
        }
    }

    /// Reads tokens behind those in a cache: logits `[B, V]` of what follows.
    pub(super) fn logits(
        self,
        ids: &[Vec<i32>],
        before: usize,
        cache: &mut <Qwen2Moe as Decoder>::Cache,
    ) -> Tensor<2> {
        let (batch, length) = (ids.len(), ids[0].len());
        let ids = TensorData::new(ids.concat(), [batch, length]);
        let input = DecoderInput::from(&LmInput {
            ids_bs: Tensor::<2, Int>::from_data(ids, self.device),
            texts: None,
            noise_seed: 0,
            capacity: Capacity::Evaluation,
            precision: Precision::F32,
        });
        let input = DecoderInput {
            places_bs: input.places_bs + before as i64,
            rows: BatchRows::equal(batch, length),
            ..input
        };
        self.model.decode(&input, cache)
    }
}

/// The likeliest token of each text; reading it back waits for the device.
fn likeliest(logits_bv: &Tensor<2>) -> Vec<Vec<i32>> {
    let data = logits_bv.clone().argmax(1).into_data();
    data.iter::<i32>().map(|id| vec![id]).collect()
}

/// Tokens that are read, again and again or one behind another.
pub(super) struct Reading<'a> {
    ours: Ours<'a>,
    next: Vec<Vec<i32>>,
    before: usize,
    /// What was read before; none where each time is the first.
    cache: Option<<Qwen2Moe as Decoder>::Cache>,
}

impl Reading<'_> {
    /// Seconds of the middle of so many samples.
    pub(super) fn middle(mut self, samples: usize) -> f64 {
        middle((0..samples).map(|_| self.step()).collect())
    }

    pub(super) fn step(&mut self) -> f64 {
        let Some(cache) = &mut self.cache else {
            let mut cache = self.ours.model.cache();
            let read = || likeliest(&self.ours.logits(&self.next, 0, &mut cache));
            return timed(read).1;
        };
        let read = || likeliest(&self.ours.logits(&self.next, self.before, cache));
        let (next, seconds) = timed(read);
        self.next = next;
        self.before += 1;
        seconds
    }
}

impl Contender for Reading<'_> {
    fn sample(&mut self) -> Result<f64, String> {
        Ok(self.step())
    }
}

/// Token ids that are spread over the vocabulary, `[B, S]`.
pub(super) fn ids(batch: usize, length: usize, vocab: usize) -> Vec<Vec<i32>> {
    let id = |place: usize| ((place * 7919 + 13) % vocab) as i32;
    let row = |row: usize| (row * length..(row + 1) * length).map(id).collect();
    (0..batch).map(row).collect()
}

pub(super) fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed().as_secs_f64())
}

pub(super) fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
