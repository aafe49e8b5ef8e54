//! One page to look at routing: what every layer chose for every sampled token, and how it came to be.
//!
//! What this crate decides: which rows of a sweep's tables the page carries, how they are packed so that many sweeps
//! fit into one file, and what a reader can do with them. It computes no measure: definitions are in `metrics`, columns
//! in `runstore`, names of cells in `report`. What a job calls its settings is passed as a [`report::Naming`].
//!
//! # What is in the page
//!
//! - *Decisions* (`tokens.parquet`): for each trial, sampled step, layer and token its experts, their gates, whether
//!   capacity kept them, and the loss of the prediction that follows.
//! - *Training* (`experts.parquet`, `steps.parquet`): loads of every expert at every logged step, and a few curves.
//! - *Texts*: the validation windows, once for all trials that read the same, of words that stand once in the page.
//!
//! A trial's numbers are arrays of whole numbers, split into planes of bytes, compressed and written as text
//! ([`packed`]); numbers with a fraction keep three decimals. The page unpacks a trial when it is chosen.
//!
//! # What holds for the page
//!
//! It is one file: nothing is fetched, and its own policy forbids it to. Text of the data stands in one JSON document in
//! which `<` is escaped, and the page's program writes it as text and never as markup. Equal tables give equal bytes.
//!
//! # The page's program
//!
//! `assets/` holds the page, its style and its program in parts of one concept each, put together when this crate is
//! built. The parts share one scope, and each opens with what it is for.
//!
//! ```
//! use explore::{Error, Sweep, page};
//! use report::unnamed;
//! use runstore::{Collected, Manifest};
//!
//! let (collected, manifest) = (Collected::default(), Manifest::default());
//! let empty = Sweep { collected: &collected, manifest: &manifest, naming: unnamed };
//! // There is nothing to look at without sampled decisions.
//! assert!(matches!(page(&[empty]), Err(Error::NoDecisions { .. })));
//! ```

mod decisions;
mod packed;
mod page;
mod sweep;
mod texts;
mod training;

pub use page::{Error, PAGE, is_page, page};
pub use sweep::Sweep;
