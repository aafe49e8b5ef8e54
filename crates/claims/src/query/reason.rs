//! Why a claim is undecided.

use std::fmt;

use serde::Serialize;

use crate::file::Need;

/// Why a comparison or a claim has no verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It needs what no processor alone gives.
    Needs(Need),
    /// The sweep has no results at this scale and device.
    NoResults {
        /// The folder that is not there.
        folder: String,
    },
    /// No finished trial fits.
    NoCells {
        /// What was looked for.
        what: String,
    },
    /// Several trials of one seed fit, so that the query does not say which is meant.
    Several {
        /// What was looked for.
        what: String,
        /// In what they differ.
        differ: String,
    },
    /// The two sides have no seed, or no value of what they share, in common.
    NotShared,
    /// A ratio was asked for of numbers that are not all above 0.
    NotPositive,
    /// A measure does not vary, so that it goes together with nothing.
    Constant,
    /// Too few repetitions.
    Few {
        /// How many there are.
        n: usize,
        /// How many are needed.
        needed: usize,
        /// Of what.
        of: &'static str,
    },
    /// The interval, corrected for the number of claims, leaves both answers open.
    Noise,
}

/// What is to be done about undecided claims, for counting them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Want {
    /// Trials that were not run.
    Runs,
    /// A query that says which cells it means.
    Query,
    /// More seeds than there are, or a larger effect.
    Certainty,
    /// The pretrained model.
    FullQwen,
    /// A graphics card.
    Gpu,
}

impl Want {
    /// In few words, in the place of an effect.
    pub fn short(self) -> &'static str {
        match self {
            Self::Runs => "not run",
            Self::Query => "unclear query",
            Self::Certainty => "not told from chance",
            Self::FullQwen => "needs the full Qwen",
            Self::Gpu => "needs a GPU",
        }
    }

    /// In words, behind a count of claims.
    pub fn words(self) -> &'static str {
        match self {
            Self::Runs => "want runs",
            Self::Query => "have an unclear query",
            Self::Certainty => "are not told from chance",
            Self::FullQwen => "need the full Qwen1.5-MoE",
            Self::Gpu => "need a GPU",
        }
    }
}

impl Reason {
    /// What is to be done about it.
    pub fn want(&self) -> Want {
        match self {
            Self::Needs(Need::FullQwen) => Want::FullQwen,
            Self::Needs(Need::Gpu) => Want::Gpu,
            Self::NoResults { .. } | Self::NoCells { .. } | Self::NotShared | Self::Few { .. } => {
                Want::Runs
            }
            Self::Several { .. } | Self::NotPositive | Self::Constant => Want::Query,
            Self::Noise => Want::Certainty,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Needs(need) => f.pad(need.words()),
            Self::NoResults { folder } => write!(f, "no results in {folder}"),
            Self::NoCells { what } => write!(f, "no finished trial has {what}"),
            Self::Several { what, differ } => write!(
                f,
                "several trials of one seed have {what}; they differ in {differ}: name that in `where`, `each` or `pair`"
            ),
            Self::NotShared => f.pad("the two sides share no seed"),
            Self::NotPositive => f.pad("a ratio needs numbers above 0"),
            Self::Constant => f.pad("a measure is the same in all cells"),
            Self::Few { n, needed, of } => write!(f, "{n} of the {needed} {of} that are needed"),
            Self::Noise => f.pad("not told from chance"),
        }
    }
}
