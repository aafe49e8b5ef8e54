//! `[run]`: what is done with trials that fail or take too long, and what a scheduler is asked for. No trial's id
//! depends on it, nor where results go.

use std::{borrow::Cow, fmt, num::NonZeroU16, str::FromStr, time::Duration};

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::memory_size::MemorySize;

/// The `[run]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct RunConfig {
    /// How often a trial that fails is started again by the same command.
    pub(crate) retries: u32,
    /// How long a trial may run, as in "90s" or "1h 30m"; one that takes longer is saved and counts as failed.
    pub(crate) time_limit: Option<TimeLimit>,
    /// How many trials a task of `xp submit` runs, one after another; 1 where it is not said.
    pub(crate) trials_per_task: Option<NonZeroU16>,
    /// Cores that `xp submit` asks for, for each task; they are the threads of its trial.
    pub(crate) cpus: Option<NonZeroU16>,
    /// GPUs likewise.
    pub(crate) gpus: Option<NonZeroU16>,
    /// Memory likewise, as in "16G".
    pub(crate) memory: Option<MemorySize>,
    /// How long a task may hold them, as in "2h"; what is not done by then is saved and goes on in another turn.
    pub(crate) time: Option<TimeLimit>,
    /// The scheduler's partition.
    pub(crate) partition: Option<String>,
    /// The scheduler's account.
    pub(crate) account: Option<String>,
}

/// Whether a `--set` says how trials are run, and not what they are.
pub(super) fn says_how(set: &str) -> bool {
    let key = set.split('=').next().unwrap_or_default().trim();
    key == "run" || key.starts_with("run.")
}

/// How long something may take: more than nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct TimeLimit(SignedDuration);

impl TimeLimit {
    /// The time itself.
    pub(crate) fn duration(self) -> Duration {
        self.0.unsigned_abs()
    }
}

impl FromStr for TimeLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<SignedDuration>() {
            Ok(time) if time.is_positive() => Ok(Self(time)),
            _ => Err(format!(
                "`{text}` is no time: give hours, minutes and seconds, such as \"2h\", \"1h 30m\" or \"90s\""
            )),
        }
    }
}

impl TryFrom<String> for TimeLimit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TimeLimit> for String {
    fn from(limit: TimeLimit) -> Self {
        limit.to_string()
    }
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl JsonSchema for TimeLimit {
    fn schema_name() -> Cow<'static, str> {
        "TimeLimit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]", "description": "A time, such as \"1h 30m\"." })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds, shown) in [
            ("90s", 90, "1m 30s"),
            ("2h", 7200, "2h"),
            ("1h 30m", 5400, "1h 30m"),
            ("1h30m", 5400, "1h 30m"),
            ("2 hours", 7200, "2h"),
        ] {
            let limit: TimeLimit = text.parse().unwrap();
            assert_eq!(limit.duration(), Duration::from_secs(seconds), "{text}");
            assert_eq!(limit.to_string(), shown);
        }
        for text in ["", "2", "0s", "-1h", "two hours", "1h 30"] {
            let error = text.parse::<TimeLimit>().unwrap_err();
            assert!(error.contains("\"1h 30m\""), "{text}: {error}");
        }
    }
}
