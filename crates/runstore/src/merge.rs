//! Records of several machines brought together. Of each trial one record stands; another with the same id and other
//! rows is kept beside it.

use std::path::Path;

use crate::parquet::encode;
use crate::tables::{Collected, EachTable, Row, TrialRecord, TrialStatus};
use crate::{Error, durable};

/// Records that were brought together.
#[derive(Debug, Default, PartialEq)]
pub struct Union {
    /// The records that stand.
    pub records: Collected,
    /// Those of trials with the same id and other rows, which do not stand.
    pub others: Vec<TrialRecord>,
    /// How many trials came that were not there.
    pub added: usize,
    /// How many stand in the place of a record that was there.
    pub replaced: usize,
    /// How many were there already, row by row.
    pub same: usize,
}

/// Brings two sets of records together. In whatever order sets come, and however often, the same records stand: of two
/// that differ the one that is no failure, then the one that was started first, then that of the lower digest. What
/// failed here and was finished there is no other record.
///
/// # Errors
///
/// When a record has two rows of one key.
pub fn unite(own: Collected, more: Collected) -> Result<Union, Error> {
    let mut standing = own.into_records();
    let mut union = Union::default();
    for (id, record) in more.into_records() {
        let Some(known) = standing.remove(&id) else {
            union.added += 1;
            standing.insert(id, record);
            continue;
        };
        let (rank, known_rank) = (Rank::of(&record)?, Rank::of(&known)?);
        if rank == known_rank {
            union.same += 1;
            standing.insert(id, known);
            continue;
        }
        let (stands, other) = if rank < known_rank {
            union.replaced += 1;
            (record, known)
        } else {
            (known, record)
        };
        if other.trial.status != TrialStatus::Failed {
            union.others.push(other);
        }
        standing.insert(id, stands);
    }
    for record in standing.into_values() {
        union.records.add(record);
    }
    Ok(union)
}

/// Which of two records of a trial stands: the lower.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    is_failure: bool,
    started_at: String,
    /// The digest of all rows.
    pub(crate) digest: String,
}

impl Rank {
    pub(crate) fn of(record: &TrialRecord) -> Result<Self, Error> {
        Ok(Self {
            is_failure: record.trial.status == TrialStatus::Failed,
            started_at: record.trial.started_at.clone(),
            digest: record_digest(record)?,
        })
    }
}

/// The digest of all rows of a record.
///
/// # Errors
///
/// When two rows have one key.
pub fn record_digest(record: &TrialRecord) -> Result<String, Error> {
    let mut digesting = Digesting(String::new());
    record.each(&mut digesting)?;
    Ok(durable::digest(digesting.0.as_bytes()))
}

/// The names of tables with the digests of their files.
struct Digesting(String);

impl EachTable for Digesting {
    fn table<R: Row>(&mut self, rows: &[R]) -> Result<(), Error> {
        // A table that not every trial has is as good as an empty one.
        if !rows.is_empty() {
            let name = R::SCHEMA.file_name();
            let bytes = encode(rows, Path::new(&name))?;
            self.0
                .push_str(&format!("{name} {}\n", durable::digest(&bytes)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{StepRow, TrialRow};

    /// A trial that was started at some second, with a step of some loss.
    fn trial(id: char, second: u32, loss: f64, status: TrialStatus) -> Collected {
        let trial_id = id.to_string().repeat(64);
        Collected {
            trials: vec![TrialRow {
                trial_id: trial_id.clone(),
                started_at: format!("2026-01-01T00:00:{second:02}Z"),
                status,
                ..TrialRow::default()
            }],
            steps: vec![StepRow {
                trial_id,
                loss_lm: Some(loss),
                ..StepRow::default()
            }],
            ..Collected::default()
        }
    }

    fn all(parts: &[Collected]) -> Collected {
        let mut sum = Collected::default();
        for part in parts {
            sum.extend(part.clone());
        }
        sum
    }

    #[test]
    fn equal_records_are_one_and_of_others_the_earlier_stands_whatever_the_order() {
        let done = TrialStatus::Done;
        let (a, b) = (trial('a', 1, 1.0, done), trial('b', 2, 2.0, done));
        let later = trial('b', 3, 2.5, done);
        let failed = trial('c', 1, 0.0, TrialStatus::Failed);
        let finished = trial('c', 9, 3.0, done);
        let here = all(&[a.clone(), b.clone(), failed]);
        let there = all(&[
            a.clone(),
            later.clone(),
            finished.clone(),
            trial('d', 4, 4.0, done),
        ]);

        let one = unite(here.clone(), there.clone()).unwrap();
        let other = unite(there.clone(), here.clone()).unwrap();
        assert_eq!(one.records, other.records);
        assert_eq!(
            one.records,
            all(&[a, b, finished, trial('d', 4, 4.0, done)])
        );
        // A failure that was finished elsewhere is no second record.
        let kept = |union: &Union| {
            union
                .others
                .iter()
                .map(|own| own.steps[0].loss_lm)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (kept(&one), kept(&other)),
            (vec![Some(2.5)], vec![Some(2.5)])
        );
        assert_eq!((one.added, one.replaced, one.same), (1, 1, 1));
        assert_eq!((other.added, other.replaced, other.same), (0, 1, 1));

        // Again, nothing changes.
        let again = unite(one.records.clone(), there).unwrap();
        assert_eq!(again.records, one.records);
        assert_eq!((again.added, again.replaced), (0, 0));
    }

    #[test]
    fn records_that_were_started_at_once_are_told_apart_by_their_rows() {
        let done = TrialStatus::Done;
        let (one, two) = (trial('a', 1, 1.0, done), trial('a', 1, 2.0, done));
        let stands = unite(one.clone(), two.clone()).unwrap().records;
        assert_eq!(unite(two, one).unwrap().records, stands);
    }
}
