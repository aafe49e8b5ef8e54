//! The list of a sweep's tables, and what follows from it.

use std::collections::BTreeMap;

use super::{
    AgreementRow, AlarmRow, AnswerRow, ExpertRow, HistogramRow, LossRow, MapRow, PeerRow,
    ProbabilityRow, ProfileRow, Row, SpeedRow, StepRow, TableSchema, TokenRow, TrialRow, UsageRow,
    Value,
};
use crate::Error;

/// What is done with each table of a set, whatever its rows are.
pub trait EachTable {
    /// Takes one table.
    ///
    /// # Errors
    ///
    /// Whatever ends the going through.
    fn table<R: Row>(&mut self, rows: &[R]) -> Result<(), Error>;
}

/// Where the tables of a set are read from.
pub(crate) trait TableSource {
    /// The rows of one table.
    fn rows<R: Row>(&self) -> Result<Vec<R>, Error>;
}

/// Makes the sets of tables from one list.
macro_rules! tables {
    ($(#[doc = $doc:literal] $field:ident: $row:ident),+ $(,)?) => {
        /// The schemas of a sweep's tables, in the order that the documentation shows them.
        pub const TABLES: &[TableSchema] = &[TrialRow::SCHEMA, $($row::SCHEMA),+];

        /// The schemas of all tables: those of a sweep, then those of the benchmarks.
        pub const ALL_TABLES: &[TableSchema] =
            &[TrialRow::SCHEMA, $($row::SCHEMA,)+ PeerRow::SCHEMA, ProfileRow::SCHEMA];

        /// What a finished trial leaves.
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct TrialRecord {
            /// The trial's row; its status is `done`, `diverged` or `stopped`.
            pub trial: TrialRow,
            $(#[doc = $doc] pub $field: Vec<$row>,)+
        }

        /// The tables of a sweep.
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct Collected {
            /// One row a trial.
            pub trials: Vec<TrialRow>,
            $(#[doc = $doc] pub $field: Vec<$row>,)+
        }

        impl TrialRecord {
            /// The trial ids of all rows.
            pub fn trial_ids(&mut self) -> impl Iterator<Item = &mut String> {
                let own = std::iter::once(&mut self.trial.trial_id);
                own$(.chain(self.$field.iter_mut().map(|row| &mut row.trial_id)))+
            }

            /// Takes the tables that are empty here from another copy.
            pub(crate) fn take_missing(&mut self, copy: Self) {
                $(if self.$field.is_empty() {
                    self.$field = copy.$field;
                })+
            }

            /// How many rows the tables beside the trial's row have.
            pub(crate) fn lengths(&self) -> Vec<usize> {
                vec![$(self.$field.len()),+]
            }

            /// Does something with each table.
            pub(crate) fn each(&self, each: &mut impl EachTable) -> Result<(), Error> {
                each.table(std::slice::from_ref(&self.trial))?;
                $(each.table(&self.$field)?;)+
                Ok(())
            }

            /// Reads the tables beside a trial's row.
            pub(crate) fn read(trial: TrialRow, from: &impl TableSource) -> Result<Self, Error> {
                Ok(Self { trial, $($field: from.rows()?,)+ })
            }
        }

        impl Collected {
            /// Adds one trial's record.
            pub fn add(&mut self, record: TrialRecord) {
                self.trials.push(record.trial);
                $(self.$field.extend(record.$field);)+
            }

            /// Adds the rows of other trials.
            pub fn extend(&mut self, other: Self) {
                self.trials.extend(other.trials);
                $(self.$field.extend(other.$field);)+
            }

            /// The records of the trials, by their ids; rows that belong to none are left out.
            pub fn into_records(self) -> Vec<TrialRecord> {
                let records = self.trials.into_iter().map(|trial| {
                    let id = trial.trial_id.clone();
                    (id, TrialRecord { trial, ..TrialRecord::default() })
                });
                let mut records: BTreeMap<String, TrialRecord> = records.collect();
                $(for row in self.$field {
                    if let Some(record) = records.get_mut(&row.trial_id) {
                        record.$field.push(row);
                    }
                })+
                records.into_values().collect()
            }

            /// Keeps the rows of the trials whose id is wanted.
            pub fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
                self.trials.retain(|row| wanted(&row.trial_id));
                $(self.$field.retain(|row| wanted(&row.trial_id));)+
            }

            /// Writes each row's cell, found by its trial's id; a timed step's by that of the trial whose step it
            /// was.
            pub fn name_cells(&mut self, of_trial: &BTreeMap<String, String>) {
                name_cells(&mut self.trials, of_trial);
                $(name_cells(&mut self.$field, of_trial);)+
            }

            /// Does something with each table.
            ///
            /// # Errors
            ///
            /// The first that a table gives.
            pub fn each(&self, each: &mut impl EachTable) -> Result<(), Error> {
                each.table(&self.trials)?;
                $(each.table(&self.$field)?;)+
                Ok(())
            }

            /// Reads all tables.
            pub(crate) fn read(from: &impl TableSource) -> Result<Self, Error> {
                Ok(Self { trials: from.rows()?, $($field: from.rows()?,)+ })
            }
        }
    };
}

// The only list of a sweep's tables, beside that of the trials themselves.
tables! {
    /// One row a logged step.
    steps: StepRow,
    /// One row an expert of a layer at a logged step.
    experts: ExpertRow,
    /// One row a sampled routing decision.
    tokens: TokenRow,
    /// One row a kind of alarm in a layer.
    alarms: AlarmRow,
    /// One row an auxiliary loss at a logged step.
    losses: LossRow,
    /// One row a sampled token and expert.
    probabilities: ProbabilityRow,
    /// One row a bin of a histogram.
    histograms: HistogramRow,
    /// One row a timed step of a speed trial.
    speeds: SpeedRow,
    /// One row a map that was quantised.
    maps: MapRow,
    /// One row a question that a model was asked.
    answers: AnswerRow,
    /// One row an expert and a value of what is known of tokens.
    usage: UsageRow,
    /// One row a layer and a thing that is known of tokens.
    agreement: AgreementRow,
}

/// The column of the trial whose cell a row is of, where that is not the trial of the row.
const OTHER_TRIAL: &str = "cell_trial_id";

fn name_cells<R: Row>(rows: &mut [R], of_trial: &BTreeMap<String, String>) {
    let other = R::SCHEMA.column(OTHER_TRIAL).map(|column| column.name);
    for row in rows {
        let Some(Value::Text(trial)) = row.value(other.unwrap_or("trial_id")) else {
            continue;
        };
        let cell = of_trial.get(&trial).cloned();
        row.set("cell_id", cell.map_or(Value::Null, Value::Text));
    }
}
