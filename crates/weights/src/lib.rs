//! Pretrained weights: safetensors files read a tensor at a time, and everything that is wrong with them.
//!
//! ```text
//! folder --headers--> Checkpoint (names, shapes, types) --held against a layout--> Checked --> parameters
//! ```
//!
//! A [`Checkpoint`] knows which tensor stands where in `model.safetensors`, or in the shards that an index
//! names; only headers have been read. A model says by a [`Layout`] which tensors it is made of, and what
//! does not fit is told together: missing, left over, of another shape or type. A tensor's numbers are read
//! when a parameter is made of them, a megabyte at a time, so that loading needs the memory of the
//! parameters and little more. Files are read and not mapped: one that shrinks while it is read is an error
//! and not the end of the program. No memory is asked for that a file does not have the bytes for.
//!
//! Which names there are and what becomes of them, a model knows. Numbers may be F32, F16 or BF16, and are
//! [kept](Kept) in their own type or another; norms and biases are f32. A [`Writer`] is the way back.

mod checked;
mod checkpoint;
mod config;
mod error;
mod header;
mod layout;
mod numbers;
mod shard;
mod stored;
mod writer;

pub use checked::Checked;
pub use checkpoint::Checkpoint;
pub use config::{check_vocabulary, read_config, read_stop_ids};
pub use error::{TensorProblem, WeightsError};
pub use layout::{Entry, Holds, Layout};
pub use numbers::Kept;
pub use writer::{Writer, shard_name, write_index};
