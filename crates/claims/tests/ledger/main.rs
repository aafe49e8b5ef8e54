//! Claims put to results that were made by hand, and the claims that come with the source.

mod family;
mod lab;
mod rows;
mod shipped;
mod verdicts;
