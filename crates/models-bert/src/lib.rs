//! The BERT encoder: pretrained weights, hidden states, experts from its feed-forward networks.
//!
//! # What it decides, and what it does not
//!
//! Which tensors a BERT has and what they compute; how a folder in the format of Hugging Face
//! becomes a [`Bert`]; how one of its feed-forward networks becomes an
//! [`ExpertBank`](moe_layer::ExpertBank), and an [`MoeLayer`](moe_layer::MoeLayer) stands where it
//! stood. Text and its tokens are the business of the `corpora` crate (`SentenceTokenizer`), routing
//! that of `routers`. Nothing here draws a random number or reaches for the network.
//!
//! # The model
//!
//! ```text
//! h_0     = LN(word[id] + position[i] + type[t])
//! a       = LN(h + W_o attention(h) + b_o)             per layer; every token sees every real token
//! h_l     = LN(a + W2 gelu(W1 a + b1) + b2)            gelu(x) = x Phi(x), exact
//! pooled  = tanh(W h_L[0] + b)                         of the first token
//! masked  = LN(gelu(W h_L + b)) word^T + bias          one logit per token id
//! LN(x)   = (x - mean) / sqrt(variance + eps) * gamma + beta, the variance being the biased one
//! ```
//!
//! Post-norm, unlike the decoder of `models-tiny`. There is no dropout: the encoder is read, not
//! trained. Its parameters do have gradients on an autodiff device; freeze them
//! (`Module::no_grad`) where none is wanted.
//!
//! # Layers and taps
//!
//! A model of L layers has L + 1 hidden states: tap 0 is the output of the embeddings, tap `l` that
//! of the l-th layer, tap L the last. Feed-forward networks are numbered as in the tensors' names,
//! `0..L`: the network of layer 5 is between taps 5 and 6.
//!
//! # From a folder to experts
//!
//! ```no_run
//! use burn::tensor::{Bool, Device, Int, Tensor};
//! use models_bert::Bert;
//!
//! # fn main() -> Result<(), models_bert::BertError> {
//! let device = Device::flex();
//! let bert = Bert::load("models/bert-base-uncased".as_ref(), &device)?;
//! let ids_bs = Tensor::<2, Int>::from_ints([[101, 7592, 102, 0]], &device);
//! let mask_bs = Tensor::<2, Bool>::from_bool([[true, true, true, false]], &device);
//! let x_bsd = bert.hidden_states(ids_bs, mask_bs, 6)?;
//! let experts = bert.expert_bank(6, 8)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Legend
//!
//! `b` sequences, `s` tokens of one, `t` all tokens, `d` width, `f` hidden width of a feed-forward
//! network, `h` heads, `v` token ids; `x_bsd` is `[B, S, D]`.

mod block;
mod config;
mod embeddings;
mod error;
mod heads;
mod layout;
mod mixture;
mod model;
mod names;
mod source;

pub use config::{BertConfig, BertHeads};
pub use error::BertError;
pub use model::{Bert, BertInput, BertOutput};
