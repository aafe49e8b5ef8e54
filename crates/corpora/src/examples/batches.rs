//! Batches of examples: an epoch in a seeded order, padding, packing.

use super::{Example, packing::pack};
use crate::{
    CorpusError,
    seeds::{below, stream},
};

/// How examples become rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowsConfig {
    /// Rows of a batch.
    pub batch: usize,
    /// Rows are as long as the longest of their batch, rounded up to a multiple of this; the reference has 8.
    pub multiple_of: usize,
    /// Short texts share rows of at most this many tokens; none where it is not said.
    pub packed: Option<usize>,
}

/// Rows of one length: texts with padding on their left.
///
/// Nothing is to be read or learned at padding, whose ids are 0. The first id of a text is predicted by none: the
/// reference lets the padding before it predict it, so that its loss depends on who shares a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleBatch {
    /// `rows * length` ids.
    pub inputs: Vec<u32>,
    /// The id that follows each input.
    pub targets: Vec<u32>,
    /// Which targets count in the loss.
    pub counted: Vec<bool>,
    /// The number of each input's text in its row, from 1, and 0 for padding; none where every row is one text without
    /// padding.
    pub texts: Option<Vec<u32>>,
    /// Rows.
    pub rows: usize,
    /// Inputs in a row.
    pub length: usize,
}

/// Batches of examples; each batch of training is known from the seed and its number alone, so a run that is resumed
/// sees what it would have seen.
#[derive(Debug, Clone)]
pub struct ExampleBatches<'a> {
    examples: &'a [Example],
    /// The examples of each row.
    rows: Vec<Vec<usize>>,
    config: RowsConfig,
    /// The order of the rows in an epoch of a seed, which neighbouring batches share.
    order: Option<Order>,
}

#[derive(Debug, Clone)]
struct Order {
    seed: u64,
    epoch: u64,
    rows: Vec<usize>,
}

impl<'a> ExampleBatches<'a> {
    /// Arranges examples in rows. With packing it is always the same texts that share a row.
    ///
    /// # Errors
    ///
    /// Without examples, for batches of no rows, and when a text does not fit into the rows that texts are to share.
    pub fn new(examples: &'a [Example], config: RowsConfig) -> Result<Self, CorpusError> {
        for (what, value) in [
            ("batch", config.batch),
            ("multiple-of", config.multiple_of),
            ("the number of examples", examples.len()),
        ] {
            if value == 0 {
                return Err(CorpusError::Zero { what });
            }
        }
        let lengths: Vec<usize> = examples.iter().map(Example::read).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let rows = match config.packed {
            Some(sequence) if longest > sequence => {
                return Err(CorpusError::LongText {
                    tokens: longest,
                    sequence,
                });
            }
            Some(sequence) => pack(&lengths, sequence),
            None => (0..examples.len()).map(|one| vec![one]).collect(),
        };
        Ok(Self {
            examples,
            rows,
            config,
            order: None,
        })
    }

    /// Rows of an epoch.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The training batch with this number, from 0. An epoch has every row once, in an order of its own from the stream
    /// `"examples"`; one that ends within a batch is followed by the next.
    pub fn training(&mut self, seed: u64, index: u64) -> ExampleBatch {
        let first = index * self.config.batch as u64;
        let rows = (first..first + self.config.batch as u64).map(|place| self.row_at(seed, place));
        let rows: Vec<usize> = rows.collect();
        self.gather(&rows)
    }

    /// The row at a place of all epochs in turn.
    fn row_at(&mut self, seed: u64, place: u64) -> usize {
        let rows = self.rows.len();
        let (epoch, place) = (place / rows as u64, (place % rows as u64) as usize);
        let known = |order: &Order| (order.seed, order.epoch) == (seed, epoch);
        let order = self.order.take().filter(known);
        let order = self
            .order
            .insert(order.unwrap_or_else(|| Order::of(seed, epoch, rows)));
        order.rows[place]
    }

    /// All rows in order, or as many as `limit` where it is above 0, evenly spread; the last batch may have fewer.
    pub fn in_order(&self, limit: usize) -> impl Iterator<Item = ExampleBatch> {
        let total = self.rows.len();
        let wanted = if limit == 0 { total } else { limit.min(total) };
        (0..wanted).step_by(self.config.batch).map(move |first| {
            let numbers = first..wanted.min(first + self.config.batch);
            let rows: Vec<usize> = numbers.map(|number| number * total / wanted).collect();
            self.gather(&rows)
        })
    }

    /// The texts of a row.
    fn texts(&self, row: usize) -> impl Iterator<Item = &Example> {
        let texts = self.rows[row].iter();
        texts.map(move |text| &self.examples[*text])
    }

    fn gather(&self, rows: &[usize]) -> ExampleBatch {
        let read = |row: &usize| self.texts(*row).map(Example::read).sum();
        let lengths: Vec<usize> = rows.iter().map(read).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let length = longest.next_multiple_of(self.config.multiple_of);
        let mut batch = ExampleBatch::with_room(rows.len(), length);
        for (row, filled) in rows.iter().zip(&lengths) {
            batch.pad(length - filled);
            for (text, number) in self.texts(*row).zip(1..) {
                batch.append(text, number);
            }
        }
        batch.texts = batch
            .texts
            .filter(|texts| texts.iter().any(|text| *text != 1));
        batch
    }
}

impl Order {
    fn of(seed: u64, epoch: u64, rows: usize) -> Self {
        let mut rng = stream(seed, "examples", epoch);
        let mut order: Vec<usize> = (0..rows).collect();
        for last in (1..rows).rev() {
            order.swap(last, below(&mut rng, last + 1));
        }
        Self {
            seed,
            epoch,
            rows: order,
        }
    }
}

impl ExampleBatch {
    fn with_room(rows: usize, length: usize) -> Self {
        let room = rows * length;
        Self {
            inputs: Vec::with_capacity(room),
            targets: Vec::with_capacity(room),
            counted: Vec::with_capacity(room),
            texts: Some(Vec::with_capacity(room)),
            rows,
            length,
        }
    }

    fn pad(&mut self, places: usize) {
        self.write(0, std::iter::repeat_n((0, 0, false), places));
    }

    fn append(&mut self, text: &Example, number: u32) {
        let pairs = text.ids.iter().zip(&text.ids[1..]).zip(1..);
        let places =
            pairs.map(|((input, target), place)| (*input, *target, place >= text.first_counted));
        self.write(number, places);
    }

    /// Appends places: input, target, whether it counts.
    fn write(&mut self, text: u32, places: impl Iterator<Item = (u32, u32, bool)>) {
        for (input, target, counted) in places {
            self.inputs.push(input);
            self.targets.push(target);
            self.counted.push(counted);
            self.texts.get_or_insert_default().push(text);
        }
    }
}

#[cfg(test)]
mod tests;
