//! Adapters against the reference's, in files, and wrong ones.

mod cases;
mod common;
mod files;
mod golden;
mod hostile;
mod perft;
mod perft_files;
mod perft_sizes;
mod routers;
mod training;
