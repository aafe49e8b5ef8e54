//! Qwen2-MoE, the decoder of Qwen1.5-MoE and its kin: grouped-query attention with rotary places, and a
//! mixture of SwiGLU experts with a shared one beside them.
//!
//! ```text
//! x = token[id]
//! x = x + attention(rms(x));  x = x + moe(rms(x))                          per layer
//! logits = head(rms(x))
//! moe(x) = sum of p_e E_e(x) over the k best experts + sigmoid(x w) * shared(x)
//! ```
//!
//! p is the softmax over all experts; with `norm_topk_prob` it is renormalised over the k. A model is read
//! from the folder that Hugging Face's `transformers` writes ([`Qwen2Moe::load`]), in whole or half
//! precision or with maps in four bits, continues texts ([`lm::generate`]), and is written back unless it has
//! such maps ([`Qwen2Moe::save_weights`]). [`Forge`] writes folders of random weights, and [`Quantise`] a folder in
//! four bits from one in full.

mod block;
mod config;
mod counts;
mod forge;
mod layout;
mod memory;
mod model;
mod opened;
mod pass;
mod quantise;
mod save;
mod sizes;
mod source;
mod touched;

pub use config::Qwen2MoeConfig;
pub use forge::{Forge, Forged, Preset};
pub use memory::{StepMemory, StepShape};
pub use model::{Cache, Qwen2Moe, QwenForward};
pub use quantise::{Quantise, QuantiseError};
pub use sizes::Qwen2MoeSizes;
