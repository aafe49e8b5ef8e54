//! The claims ledger: sentences of published work, put to results.
//!
//! A claim is a table in a TOML file: a sentence, where it stands, which results it is asked of, what is measured, and
//! one test of a closed family. This crate reads the file ([`read_claims`]), asks the results folders
//! ([`Ledger::ask`]) and gives every claim a verdict: it **holds**, it **fails**, or it is **undecided**, with the effect,
//! its 95 % interval, the number of repetitions, and the results that were used. It runs nothing and draws nothing.
//!
//! # How a claim is decided
//!
//! *An effect in a range.* Every test of [`Test`] asks whether an effect lies in a range: a difference or a log ratio
//! below 0 (`less`, `order`, `monotone`, `change`), within a margin of 0 (`about-equal`, `flat`: two one-sided tests), or
//! between two numbers (`ratio`, `level`, `correlation`). Two p values belong to it: `holds`, small where the effect is for
//! sure inside, the larger of the one-sided tests at the ends; and `fails`, small where it is for sure outside, the smaller
//! of them. The p of the question is twice the smaller of the two, and decides for that side.
//!
//! *Repetitions.* Both sides are compared seed by seed, by Student's paired t with n - 1 degrees of freedom; where they also
//! share other columns (`pair`), one seed's number is the mean over these. Fewer than three seeds decide nothing. Times
//! that were measured in turn (`speeds.step_ms`) are compared round by round, by Wilcoxon's signed ranks of log ratios, six
//! rounds at the least. A correlation is over cells, five at the least. What does not vary at all, such as a count of
//! parameters, is decided by its value.
//!
//! *Several parts.* A claim of several comparisons holds when all parts hold and fails when one is contradicted. So its
//! `holds` is the largest of its parts' (all must be sure, which needs no correction), and its `fails` the smallest, once for
//! each part (Bonferroni).
//!
//! *The family.* Each claim of the file whose results vary brings one p into one family, and Holm's correction over the
//! family makes the chance of any wrong verdict at most [`LEVEL`]. Claims that a user leaves out of sight stay in it.
//!
//! # Example
//!
//! ```
//! let claims = claims::parse_claims(r#"
//!     [[claim]]
//!     id        = "a.1"
//!     title     = "ppl: soft top-k < hash"
//!     says      = "Soft top-k has a lower perplexity than hash routing, at both capacity factors."
//!     source    = "MoE Routing Bench, slide 5"
//!     published = "5.708 and 6.492 at CF 1.0"
//!     sweep     = "unified"
//!     each      = ["capacity_factor"]
//!     measure   = "perplexity"
//!     test.less = { of = { strategy = "soft-top-k" }, than = { strategy = "hash" } }
//! "#, "claims.toml".as_ref())?;
//! assert_eq!(claims[0].test.name(), "less");
//! # Ok::<(), claims::Mistake>(())
//! ```

mod error;
mod file;
mod ledger;
mod measures;
mod query;
mod results;
mod text;

pub use error::{Error, Mistake};
pub use file::{
    AboutEqual, Cells, Change, Choices, Claim, Condition, Correlation, Derived, Direction,
    Dominated, EffectKind, Ends, Equals, FILE_NAME, Face, Field, Flat, Less, Level, Measure,
    Monotone, Need, Order, Ratio, Scalar, Sweeps, Test, parse_claims, read_claims,
};
pub use ledger::{Effect, LEVEL, Ledger, Outcome, PartOutcome, Verdict};
pub use query::{Reading, Reason, Used, Want};
pub use results::Place;
pub use text::Row;
