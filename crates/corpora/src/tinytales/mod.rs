//! Generated stories whose topics and word roles are known.
//!
//! Every story has one topic, drawn evenly, which decides most of its nouns, verbs and adjectives;
//! names, function words and feelings are shared by all topics. Sentences are templates with
//! slots, so every byte of the text has a known [`Role`] and every story a known [`Topic`]. That
//! is the ground truth against which the specialisation of experts can be measured, and it lets
//! everything run with no download.
//!
//! ```text
//! One day, Mia went to the beach. She saw a shiny shell near the water. ...
//! <|endoftext|>
//! ```
//!
//! The text depends on the settings alone: training and validation stories come from different
//! streams of the same seed, and asking for more stories leaves the first ones as they were.

mod annotation;
mod generate;
mod grammar;
mod lexicon;
mod page;

pub use annotation::{AnnotatedText, Role, RoleSpan, StorySpan, TokenLabel};
pub use generate::{Tales, generate};
pub(crate) use generate::{digests, texts, valid};
pub use lexicon::Topic;
