//! The custom operations: what each backend must offer, their dispatch over backends and their
//! backward passes. The bodies are in `flex` and `cube`.

mod counts;
mod gelu;
mod grouped;
mod linear;
mod rows;
#[cfg(feature = "gpu")]
mod sort;

pub(crate) use counts::{CountOps, expert_load, expert_slots};
pub(crate) use gelu::{GeluOps, gelu};
pub(crate) use grouped::{GroupedOps, grouped_matmul};
pub(crate) use linear::{LinearManner, LinearOps, grouped_linear};
pub(crate) use rows::{RowOps, combine, pack};
#[cfg(feature = "gpu")]
pub(crate) use sort::{SortOps, argsort_descending};

/// The operations that only backward passes call are not themselves differentiable.
fn first_order() -> ! {
    unreachable!("second derivatives of routing operations are not supported")
}
