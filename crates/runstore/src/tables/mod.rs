//! The tables of a results folder and the one of the benchmark, each declared once.
//!
//! From one declaration come the struct that the rest of the program fills, the schema that is
//! written into the file, checked on reading and printed in `results/README.md`, and both
//! conversions. A new column is therefore one entry: nullable and at the end of its table for a
//! minor version, anything else for a major one.

mod alarms;
mod cell;
mod cells;
pub(crate) mod declare;
mod experts;
mod histograms;
mod peers;
mod probabilities;
mod schema;
mod speeds;
mod status;
mod steps;
mod tokens;
mod trials;

pub use alarms::AlarmRow;
pub use cell::{Cell, ColumnKind, Value};
pub(crate) use cells::CELLS;
pub use cells::{CellRow, CellTable};
pub use experts::ExpertRow;
pub use histograms::HistogramRow;
pub use peers::PeerRow;
pub use probabilities::ProbabilityRow;
pub use schema::{ColumnSchema, Row, SCHEMA_MAJOR, TableSchema};
pub use speeds::SpeedRow;
pub use status::TrialStatus;
pub use steps::StepRow;
pub use tokens::TokenRow;
pub use trials::TrialRow;

/// The schemas of a sweep's tables, in the order that the documentation shows them.
pub const TABLES: [TableSchema; 8] = [
    TrialRow::SCHEMA,
    StepRow::SCHEMA,
    ExpertRow::SCHEMA,
    TokenRow::SCHEMA,
    AlarmRow::SCHEMA,
    ProbabilityRow::SCHEMA,
    HistogramRow::SCHEMA,
    SpeedRow::SCHEMA,
];

/// The schemas of all tables: those of a sweep, then that of the benchmark.
pub const ALL_TABLES: [TableSchema; 9] = [
    TrialRow::SCHEMA,
    StepRow::SCHEMA,
    ExpertRow::SCHEMA,
    TokenRow::SCHEMA,
    AlarmRow::SCHEMA,
    ProbabilityRow::SCHEMA,
    HistogramRow::SCHEMA,
    SpeedRow::SCHEMA,
    PeerRow::SCHEMA,
];
