//! The tables of a results folder and those of the benchmarks, each declared once.
//!
//! From one declaration come the struct that the rest of the program fills, the schema that is
//! written into the file, checked on reading and printed in `results/README.md`, and both
//! conversions. A new column is therefore one entry: nullable and at the end of its table for a
//! minor version, anything else for a major one. A new table is such a declaration and a line in
//! [`list`], from which a trial's record, the tables of a sweep and their files follow.

mod agreement;
mod alarms;
mod analysis;
mod answers;
mod cell;
mod cells;
pub(crate) mod declare;
mod experts;
mod histograms;
mod list;
mod losses;
mod maps;
mod peers;
mod probabilities;
mod profile;
mod routers;
mod schema;
mod speeds;
mod status;
mod steps;
mod tokens;
mod trials;
mod usage;

pub use agreement::AgreementRow;
pub use alarms::AlarmRow;
pub use answers::AnswerRow;
pub use cell::{Cell, ColumnKind, Value};
pub use cells::{CELLS, CellRow, CellTable};
pub use experts::ExpertRow;
pub use histograms::HistogramRow;
pub(crate) use list::TableSource;
pub use list::{ALL_TABLES, Collected, EachTable, TABLES, TrialRecord};
pub use losses::LossRow;
pub use maps::MapRow;
pub use peers::PeerRow;
pub use probabilities::ProbabilityRow;
pub use profile::ProfileRow;
pub use schema::{ColumnSchema, Presence, Row, SCHEMA_MAJOR, TableSchema};
pub use speeds::SpeedRow;
pub use status::TrialStatus;
pub use steps::StepRow;
pub use tokens::TokenRow;
pub use trials::TrialRow;
pub use usage::UsageRow;
