//! How the rows of a batch are sequences.

use std::ops::Range;

use burn::tensor::{Device, Int, Tensor};

/// How the rows of a batch are sequences: one after another, each with its own length.
///
/// Neighbours of one length are a [`Run`], so that what is done sequence by sequence is done for a
/// whole run at once: a batch of equal sequences is a single one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequences(Vec<Run>);

/// Neighbouring sequences of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Its first row.
    pub start: usize,
    /// How many sequences it is.
    pub count: usize,
    /// The length of each.
    pub length: usize,
}

impl Run {
    /// How many rows it has.
    #[must_use]
    pub const fn tokens(&self) -> usize {
        self.count * self.length
    }

    /// Its rows.
    #[must_use]
    pub const fn rows(&self) -> Range<usize> {
        self.start..self.start + self.tokens()
    }

    /// Its rows of `values_te` `[T, E]`, sequence by sequence `[G, L, E]`.
    #[must_use]
    pub fn of(&self, values_te: &Tensor<2>) -> Tensor<3> {
        let [_, columns] = values_te.dims();
        values_te
            .clone()
            .narrow(0, self.start, self.tokens())
            .reshape([self.count, self.length, columns])
    }
}

impl Sequences {
    /// `count` sequences of one length.
    #[must_use]
    pub fn equal(count: usize, length: usize) -> Self {
        Self(vec![Run {
            start: 0,
            count,
            length,
        }])
    }

    /// Sequences of these lengths; empty ones are left out.
    #[must_use]
    pub fn of_lengths(lengths: impl IntoIterator<Item = usize>) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        let mut start = 0;
        for length in lengths.into_iter().filter(|&length| length > 0) {
            match runs.last_mut().filter(|run| run.length == length) {
                Some(run) => run.count += 1,
                None => runs.push(Run {
                    start,
                    count: 1,
                    length,
                }),
            }
            start += length;
        }
        Self(runs)
    }

    /// All rows as one sequence.
    #[must_use]
    pub fn joined(&self) -> Self {
        Self::equal(1, self.tokens())
    }

    /// T, the rows of all of them.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.0.iter().map(Run::tokens).sum()
    }

    /// B, how many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.iter().map(|run| run.count).sum()
    }

    /// How many sequences stand before a run.
    #[must_use]
    pub fn count_before(&self, run: &Run) -> usize {
        let before = self.0.iter().take_while(|other| other.start < run.start);
        before.map(|run| run.count).sum()
    }

    /// The runs of equal length, in the order of the rows.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.0
    }

    /// What `of_run` makes of the runs, joined along `dim`.
    ///
    /// # Panics
    ///
    /// If there are no sequences.
    #[must_use]
    pub fn map_runs<const D: usize>(
        &self,
        dim: usize,
        of_run: impl Fn(&Run) -> Tensor<D>,
    ) -> Tensor<D> {
        let mut parts: Vec<_> = self.0.iter().map(of_run).collect();
        if parts.len() == 1 {
            parts.remove(0)
        } else {
            Tensor::cat(parts, dim)
        }
    }

    /// The place of each row in its sequence `[T]`, from 0.
    #[must_use]
    pub fn places(&self, device: &Device) -> Tensor<1, Int> {
        let places = self.each(|_, place| place);
        integers(&places, device)
    }

    /// The sequence of each row `[T]`, from 0.
    #[must_use]
    pub fn numbers(&self, device: &Device) -> Tensor<1, Int> {
        let numbers = self.each(|number, _| number);
        integers(&numbers, device)
    }

    /// Of `choices` of each row, listed by row: which of them is next in the order of `(place, choice,
    /// sequence)`, and where each stands in that order, both `[T * choices]`.
    #[must_use]
    pub fn side_by_side(&self, choices: usize, device: &Device) -> [Tensor<1, Int>; 2] {
        let starts: Vec<(usize, usize)> = self
            .lengths()
            .scan(0, |next, length| {
                *next += length;
                Some((*next - length, length))
            })
            .collect();
        let longest = self.lengths().max().unwrap_or(0);
        let all = self.tokens() * choices;
        let (mut order, mut stands) = (Vec::with_capacity(all), vec![0; all]);
        for place in 0..longest {
            for choice in 0..choices {
                for (start, _) in starts.iter().filter(|(_, length)| place < *length) {
                    let listed = (start + place) * choices + choice;
                    stands[listed] = order.len();
                    order.push(listed);
                }
            }
        }
        [integers(&order, device), integers(&stands, device)]
    }

    /// The length of each.
    fn lengths(&self) -> impl Iterator<Item = usize> {
        let runs = self.0.iter();
        runs.flat_map(|run| std::iter::repeat_n(run.length, run.count))
    }

    /// Row by row, of the number of its sequence and its place in it.
    fn each(&self, of_row: impl Fn(usize, usize) -> usize) -> Vec<usize> {
        let mut values = Vec::with_capacity(self.tokens());
        for (number, length) in self.lengths().enumerate() {
            values.extend((0..length).map(|place| of_row(number, place)));
        }
        values
    }
}

fn integers(values: &[usize], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = values.iter().map(|&value| value as i32).collect();
    Tensor::from_data(values.as_slice(), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tensor: Tensor<1, Int>) -> Vec<i64> {
        tensor.into_data().iter::<i64>().collect()
    }

    #[test]
    fn neighbours_of_one_length_are_a_run() {
        let ragged = Sequences::of_lengths([2, 2, 0, 3, 2]);
        let run = |start, count, length| Run {
            start,
            count,
            length,
        };
        assert_eq!(ragged.runs(), [run(0, 2, 2), run(4, 1, 3), run(7, 1, 2)]);
        assert_eq!((ragged.count(), ragged.tokens()), (4, 9));
        assert_eq!(Sequences::of_lengths([5; 3]), Sequences::equal(3, 5));
        assert_eq!(ragged.joined(), Sequences::equal(1, 9));
    }

    #[test]
    fn rows_know_their_sequence_and_place() {
        let (device, ragged) = (Device::flex(), Sequences::of_lengths([1, 3, 2]));
        assert_eq!(read(ragged.numbers(&device)), [0, 1, 1, 1, 2, 2]);
        assert_eq!(read(ragged.places(&device)), [0, 0, 1, 2, 0, 1]);
    }

    /// Rows 0 | 1 2 with two choices each: place 0 has rows 0 and 1, place 1 row 2.
    #[test]
    fn assignments_stand_by_place_then_choice_then_sequence() {
        let ragged = Sequences::of_lengths([1, 2]);
        let [order, stands] = ragged.side_by_side(2, &Device::flex());
        assert_eq!(read(order), [0, 2, 1, 3, 4, 5]);
        assert_eq!(read(stands), [0, 2, 1, 3, 4, 5]);
    }
}
