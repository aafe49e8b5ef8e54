//! Pretrained weights: safetensors files read a tensor at a time, and everything that is wrong with them.
//!
//! ```text
//! folder --headers--> Checkpoint (names, shapes, types) --held against a layout--> Checked --> parameters
//! ```
//!
//! A [`Checkpoint`] knows which tensor stands where in `model.safetensors`, or in the shards that an index
//! names; only headers have been read. A model says by a [`Layout`] which tensors it is made of, and what
//! does not fit is told together: missing, left over, of another shape or type. A tensor's numbers are read
//! when a parameter is made of them, at their place in the file and by themselves, so that loading needs
//! the memory of the parameters and of one tensor more. Files are read and not mapped: one that shrinks
//! while it is read is an error and not the end of the program.
//!
//! Which names there are and what becomes of them, a model knows. Numbers may be F32, F16 or BF16 and
//! become f32.

mod checkpoint;
mod config;
mod error;
mod layout;
mod shard;
mod stored;

pub use checkpoint::{Checked, Checkpoint};
pub use config::read_config;
pub use error::{TensorProblem, WeightsError};
pub use layout::Layout;
pub use stored::Stored;
