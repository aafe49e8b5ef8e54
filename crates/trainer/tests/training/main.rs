//! The loop as a whole, on a small regression that has a router, dropout and an auxiliary loss.

mod cases;
mod evaluation;
mod resume;
mod toy;
