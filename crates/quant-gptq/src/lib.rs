//! Four-bit weights in the format of GPTQ.
//!
//! A linear map `y = x W`, W `[K, N]`, K inputs and N outputs, is held as whole numbers `q` from 0 to 15 with a
//! scale `s` and a zero `z` for each output and each group of inputs: `W[k, n] = s[g, n] (q[k, n] - z[g, n])`,
//! where `g` is the group of k (Frantar et al. 2022). [`Packed`] is how files hold them: eight numbers to a
//! word, as AutoGPTQ and GPTQModel write them; [`Quantised`] has them one by one.
//!
//! A model that loads its maps asks [`PackedSettings`] which of them the files hold packed, and for a
//! [`Linear`](nn::Linear) of them, whose words go into products as they are.
//!
//! What the crate decides: the format. What it does not: which maps a model has, how words are multiplied.

mod checkpoint;
mod error;
mod pack;
mod packed;
mod quantised;
mod settings;
mod zero_format;

pub use error::GptqError;
pub use packed::{Packed, PackedDims};
pub use quantised::Quantised;
pub use settings::PackedSettings;
pub use zero_format::ZeroFormat;
