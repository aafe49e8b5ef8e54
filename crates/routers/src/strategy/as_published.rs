//! MoE Routing Bench's five strategies as its own code has them, defects included, for comparison with the honest
//! ones: what each does wrong, and what the honest one does instead, stands with it.

mod expert_choice;
mod hash;
mod soft_top_k;
mod unit_gates;

pub use expert_choice::{ExpertChoiceAsPublished, ExpertChoiceAsPublishedConfig};
pub use hash::{HashAsPublished, HashAsPublishedConfig};
pub use soft_top_k::{SoftTopKAsPublished, SoftTopKAsPublishedConfig};
pub use unit_gates::{HardTopKAsPublishedConfig, Top1AsPublishedConfig, UnitGates};
