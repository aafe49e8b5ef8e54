//! Windows of token ids: random ones to train on, all of them to validate on.

use crate::{
    CorpusError,
    seeds::{below, stream},
};

/// Windows of equal length, row after row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowBatch {
    /// `batch * sequence` ids.
    pub inputs: Vec<u32>,
    /// The id that follows each input.
    pub targets: Vec<u32>,
    /// Rows.
    pub batch: usize,
    /// Ids in a row.
    pub sequence: usize,
    /// Where each row starts in the text, in tokens.
    pub offsets: Vec<usize>,
}

impl WindowBatch {
    fn gather(ids: &[u32], sequence: usize, offsets: Vec<usize>) -> Self {
        let mut inputs = Vec::with_capacity(offsets.len() * sequence);
        let mut targets = Vec::with_capacity(offsets.len() * sequence);
        for start in &offsets {
            inputs.extend_from_slice(&ids[*start..start + sequence]);
            targets.extend_from_slice(&ids[start + 1..=start + sequence]);
        }
        Self {
            inputs,
            targets,
            batch: offsets.len(),
            sequence,
            offsets,
        }
    }
}

/// Random windows of a training text; each step's batch is known from the seed and the step alone,
/// so a run that is resumed sees what it would have seen.
#[derive(Debug, Clone, Copy)]
pub struct TrainWindows<'ids> {
    ids: &'ids [u32],
    sequence: usize,
    batch: usize,
    seed: u64,
}

impl<'ids> TrainWindows<'ids> {
    /// Windows of `sequence` tokens, `batch` at a time.
    pub fn new(
        ids: &'ids [u32],
        sequence: usize,
        batch: usize,
        seed: u64,
    ) -> Result<Self, CorpusError> {
        check("the training text", ids, sequence, batch)?;
        Ok(Self {
            ids,
            sequence,
            batch,
            seed,
        })
    }

    /// The batch of a step: offsets drawn evenly, with replacement, from the stream `"data"`.
    pub fn batch(&self, step: u64) -> WindowBatch {
        let mut rng = stream(self.seed, "data", step);
        let starts = self.ids.len() - self.sequence;
        let offsets = (0..self.batch).map(|_| below(&mut rng, starts)).collect();
        WindowBatch::gather(self.ids, self.sequence, offsets)
    }
}

/// Windows of a validation text that do not overlap; see [`valid_windows`].
#[derive(Debug, Clone)]
pub struct ValidWindows<'ids> {
    ids: &'ids [u32],
    sequence: usize,
    batch: usize,
    /// Windows in the text.
    total: usize,
    /// Windows to give.
    wanted: usize,
    given: usize,
}

/// Windows that do not overlap, `batch` at a time (the last batch may be smaller).
///
/// Window `i` predicts tokens `i * sequence + 1 ..= (i + 1) * sequence`, so no token is predicted
/// twice, and only the first token and a tail shorter than a window never are. With a `limit`
/// above 0 that many windows are given, spread evenly over the text.
pub fn valid_windows(
    ids: &[u32],
    sequence: usize,
    batch: usize,
    limit: usize,
) -> Result<ValidWindows<'_>, CorpusError> {
    check("the validation text", ids, sequence, batch)?;
    let total = (ids.len() - 1) / sequence;
    let wanted = if limit == 0 { total } else { limit.min(total) };
    Ok(ValidWindows {
        ids,
        sequence,
        batch,
        total,
        wanted,
        given: 0,
    })
}

impl ValidWindows<'_> {
    /// Tokens that all the windows predict.
    pub fn tokens(&self) -> usize {
        self.wanted * self.sequence
    }

    /// Ids in a window.
    pub fn sequence(&self) -> usize {
        self.sequence
    }
}

impl Iterator for ValidWindows<'_> {
    type Item = WindowBatch;

    fn next(&mut self) -> Option<WindowBatch> {
        let end = self.wanted.min(self.given + self.batch);
        if self.given == end {
            return None;
        }
        let offset = |window: usize| window * self.total / self.wanted * self.sequence;
        let offsets = (self.given..end).map(offset).collect();
        self.given = end;
        Some(WindowBatch::gather(self.ids, self.sequence, offsets))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.wanted - self.given).div_ceil(self.batch);
        (left, Some(left))
    }
}

impl ExactSizeIterator for ValidWindows<'_> {}

fn check(what: &str, ids: &[u32], sequence: usize, batch: usize) -> Result<(), CorpusError> {
    for (what, value) in [("sequence", sequence), ("batch", batch)] {
        if value == 0 {
            return Err(CorpusError::Zero { what });
        }
    }
    if ids.len() <= sequence {
        return Err(CorpusError::TooShort {
            what: what.to_owned(),
            tokens: ids.len(),
            sequence,
            needed: sequence.saturating_add(1),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validation_windows_by_hand() {
        // Eight tokens, windows of 3: (8 - 1) / 3 = 2 windows, which predict tokens 1 to 6.
        let ids = [10, 11, 12, 13, 14, 15, 16, 17];
        let batches: Vec<_> = valid_windows(&ids, 3, 4, 0).unwrap().collect();
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0].inputs, [10, 11, 12, 13, 14, 15]);
        assert_eq!(batches[0].targets, [11, 12, 13, 14, 15, 16]);
        assert_eq!(
            (batches[0].batch, batches[0].offsets.as_slice()),
            (2, [0, 3].as_slice())
        );
    }

    #[test]
    fn a_limit_spreads_windows_and_the_last_batch_is_smaller() {
        // 21 tokens, windows of 2: 10 windows. Three of ten: windows 0, 3 and 6, so tokens 0, 6, 12.
        let ids: Vec<u32> = (0..21).collect();
        let windows = valid_windows(&ids, 2, 2, 3).unwrap();
        assert_eq!((windows.len(), windows.tokens()), (2, 6));
        let offsets: Vec<_> = windows.map(|batch| batch.offsets).collect();
        assert_eq!(offsets, [vec![0, 6], vec![12]]);
    }

    #[test]
    fn a_step_is_the_same_without_the_steps_before_it() {
        let ids: Vec<u32> = (0..100).collect();
        let windows = TrainWindows::new(&ids, 8, 4, 17).unwrap();
        let in_order: Vec<_> = (0..5).map(|step| windows.batch(step)).collect();
        assert_eq!(
            TrainWindows::new(&ids, 8, 4, 17).unwrap().batch(4),
            in_order[4]
        );
        assert_ne!(in_order[3], in_order[4]);
        assert_ne!(
            TrainWindows::new(&ids, 8, 4, 18).unwrap().batch(4),
            in_order[4]
        );
    }

    #[test]
    fn training_windows_reach_both_ends() {
        // Five tokens, windows of 3: starts 0 and 1 only.
        let ids = [0, 1, 2, 3, 4];
        let windows = TrainWindows::new(&ids, 3, 64, 1).unwrap();
        let mut offsets = windows.batch(0).offsets;
        offsets.sort_unstable();
        offsets.dedup();
        assert_eq!(offsets, [0, 1]);
    }

    #[test]
    fn what_is_too_short_is_refused() {
        let error = TrainWindows::new(&[1, 2, 3], 3, 1, 0)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("3 tokens") && error.contains("needs 4"),
            "{error}"
        );
        assert!(valid_windows(&[1, 2, 3, 4], 3, 1, 0).is_ok());
        let error = valid_windows(&[1, 2, 3, 4], 3, 0, 0)
            .unwrap_err()
            .to_string();
        assert!(error.contains("batch must be at least 1"), "{error}");
    }
}
