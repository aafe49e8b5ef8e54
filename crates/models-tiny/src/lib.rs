//! TinyMoE, the small decoder language model of the sweeps.
//!
//! Learned positions, pre-norm blocks of causal multi-head attention and a mixture of experts, an
//! untied head. It is MoE Routing Bench's model with one correction: each expert is initialised as its own matrix
//! ([`ExpertBank`](moe_layer::ExpertBank)).
//!
//! ```text
//! x = dropout(token[id] + position[i])
//! x = x + dropout(attention(norm(x)));  x = x + dropout(moe(norm(x)))      per block
//! logits = head(norm(x))
//! ```

mod config;
mod dropout;
mod model;
mod quantise;

pub use config::TinyMoeConfig;
pub use model::TinyMoe;
