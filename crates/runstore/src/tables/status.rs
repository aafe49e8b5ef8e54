//! How a trial ended.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Cell, ColumnKind, Value};

/// How a trial ended; a text column holds its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrialStatus {
    /// It ran to its last step.
    Done,
    /// Its loss stopped being finite; it is recorded up to there and not run again.
    Diverged,
    /// It was worse than others by then and was stopped before its last step; it is recorded up to there and
    /// not run again unless that is asked for.
    Stopped,
    /// It stopped with an error; it runs again the next time.
    #[default]
    Failed,
}

impl TrialStatus {
    /// The name in tables and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Diverged => "diverged",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for TrialStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Cell for TrialStatus {
    const KIND: ColumnKind = ColumnKind::Text;
    const NULLABLE: bool = false;

    fn to_value(&self) -> Value {
        Value::Text(self.name().to_owned())
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(name) => [Self::Done, Self::Diverged, Self::Stopped, Self::Failed]
                .into_iter()
                .find(|s| s.name() == name),
            _ => None,
        }
    }
}
