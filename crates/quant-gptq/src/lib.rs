//! Four-bit weights in the format of GPTQ.
//!
//! A linear map `y = x W`, W `[K, N]`, K inputs and N outputs, is held as whole numbers `q` from 0 to 15 with a
//! scale `s` and a zero `z` for each output and each group of inputs: `W[k, n] = s[g, n] (q[k, n] - z[g, n])`,
//! where `g` is the group of k (Frantar et al. 2022). [`Packed`] is how files hold them: eight numbers to a
//! word, as AutoGPTQ and GPTQModel write them; [`Quantised`] has them one by one.
//!
//! [`quantise`] makes them, by what a map reads ([`Hessian`]); [`nearest`] by the map alone. A model's layer says
//! which of its maps read the same ([`Readers`]), and [`quantise_layer`] goes through them in the order in which
//! they are run.
//!
//! A model that loads its maps asks [`PackedSettings`] which of them the files hold packed, and for a
//! [`Linear`](nn::Linear) of them, whose words go into products as they are.
//!
//! What the crate decides: the format, and how numbers are rounded. What it does not: which maps a model has, how words are multiplied.

mod checkpoint;
mod config;
mod error;
mod hessian;
mod inverse;
mod lanes;
mod layer;
mod levels;
mod pack;
mod packed;
mod plan;
mod quantise;
mod quantised;
mod readers;
mod settings;
mod stack;
mod zero_format;

pub use config::{GptqConfig, Rounding};
pub use error::GptqError;
pub use hessian::Hessian;
pub use layer::{MapError, MapReport, QuantisedMap, quantise_layer};
pub use packed::{Packed, PackedDims};
pub use quantise::{nearest, quantise};
pub use quantised::Quantised;
pub use readers::Readers;
pub use settings::PackedSettings;
pub use zero_format::ZeroFormat;
