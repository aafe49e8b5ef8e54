//! What a causal language model is to the rest.
//!
//! A model says what a forward pass gives ([`CausalLm`]); everything else is here once, for every model:
//! its losses as the training loop wants them ([`LanguageModel`]), the auxiliary losses of its routers
//! over the layers, what its routers did ([`LayerTraces`]), how likely it finds a token, a window of a
//! text and what may follow one ([`token_losses`], [`window_losses`], [`log_likelihoods`]), and the text
//! that it writes, if it keeps what it has computed ([`Decoder`], [`generate`]).
//!
//! ```text
//! TokenBatch --LmInput--> CausalLm --LmForward--> loss, auxiliary losses, traces --> trainer
//! prompts --DecoderInput--> Decoder --logits of the last place--> token --> DecoderInput ...
//! ```
//!
//! No architecture is known here, no file and no text.

mod batch;
mod causal_lm;
mod decoder;
mod error;
mod generate;
mod learner;
mod likelihood;
mod pooled;
mod text;
mod traces;

pub use batch::TokenBatch;
pub use causal_lm::{CausalLm, LmDims, LmForward, LmInput};
pub use decoder::{Decoder, DecoderInput};
pub use error::LmError;
pub use generate::{Ending, Generated, Generation, GenerationConfig, SamplingConfig, generate};
pub use learner::{LanguageModel, measure};
pub use likelihood::{Continuation, Likelihood, log_likelihoods, token_losses, window_losses};
pub use pooled::pooled_balance;
pub use traces::LayerTraces;
