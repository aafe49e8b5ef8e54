//! What a causal language model is to the rest.
//!
//! A model says how it is built ([`LmConfig`]) and what a forward pass gives ([`CausalLm`]); everything else is here once, for every model:
//! its losses as the training loop wants them ([`LanguageModel`]), the auxiliary losses of its routers
//! over the layers, what its routers did ([`LayerTraces`]), how likely it finds a token, a window of a
//! text and what may follow one ([`token_losses`], [`window_losses`], [`log_likelihoods`], [`score_options`]), how far its predictions
//! are from another's ([`kl_divergence`]), and the text
//! that it writes, if it keeps what it has computed ([`Decoder`], [`generate`], [`search`],
//! [`write_all`]).
//!
//! Texts of several lengths share a batch by padding or by packing ([`RowTexts`]): each is read as if it were alone.
//!
//! ```text
//! TokenBatch --LmInput--> CausalLm --LmForward--> loss, auxiliary losses, traces --> trainer
//! prompts --DecoderInput--> Decoder --logits of the last place--> token --> DecoderInput ...
//! ```
//!
//! No architecture is known here, no text, and of files only that of a model's own parameters
//! ([`save_parameters`]).

mod batch;
mod causal_lm;
mod config;
mod decoder;
mod divergence;
mod error;
mod generate;
mod learner;
mod likelihood;
mod options;
mod over_layers;
mod parameters;
mod pooled;
mod recomputed;
mod router_losses;
mod row_texts;
mod text;
mod traces;

pub use batch::TokenBatch;
pub use causal_lm::{CausalLm, LmForward, LmInput, LmLimits};
pub use config::{BuildError, DataDims, LmConfig, LmShape, LmSizes};
pub use decoder::{Decoder, DecoderInput};
pub use divergence::kl_divergence;
pub use error::LmError;
pub use generate::{
    Ending, Generated, Generation, GenerationConfig, SamplingConfig, generate, search, write_all,
};
pub use learner::{LanguageModel, measure};
pub use likelihood::{
    Continuation, Likelihood, log_likelihoods, mixture_inputs, read_windows, token_losses,
    window_losses,
};
pub use options::{OptionScore, OptionsOf, score_options};
pub use parameters::{ParametersError, load_parameters, save_parameters};
pub use pooled::pooled_balance;
pub use row_texts::RowTexts;
pub use text::check_batch;
pub use traces::LayerTraces;
