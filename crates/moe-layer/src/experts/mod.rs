//! Experts: what one computes, how large it is, how it starts, and a bank of them.

mod bank;
mod dims;
mod ffn;
mod init;
mod kind;

pub use bank::ExpertBank;
pub use dims::ExpertDims;
pub use ffn::Ffn;
pub use init::ExpertInit;
pub use kind::{ExpertConfig, ExpertKind, GatedExpertConfig, MlpExpertConfig};
