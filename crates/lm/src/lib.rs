//! What a causal language model is to the rest.
//!
//! A model says how it is built ([`LmConfig`]) and what a forward pass gives ([`CausalLm`]); everything else is here once, for every model:
//! its losses as the training loop wants them ([`LanguageModel`]), the auxiliary losses of its routers
//! over the layers, what its routers did ([`LayerTraces`]), and how likely it finds each token
//! ([`token_losses`]).
//!
//! ```text
//! TokenBatch --LmInput--> CausalLm --LmForward--> loss, auxiliary losses, traces --> trainer
//! ```
//!
//! No architecture is known here, no text, and of files only that of a model's own parameters
//! ([`save_parameters`]).

mod batch;
mod causal_lm;
mod config;
mod learner;
mod likelihood;
mod parameters;
mod pooled;
mod traces;

pub use batch::TokenBatch;
pub use causal_lm::{CausalLm, LmForward, LmInput};
pub use config::{BuildError, DataDims, LmConfig, LmShape, LmSizes};
pub use learner::{LanguageModel, measure};
pub use likelihood::token_losses;
pub use parameters::{ParametersError, load_parameters, save_parameters};
pub use pooled::pooled_balance;
pub use traces::LayerTraces;
