//! Adapters beside the experts: what one computes, a bank of them, and where a bank stands.
//!
//! The PERFT paper (Liu et al. 2024) has four places, with `x` what the layer reads, `E_i` and `G_i` its experts and
//! gates, `Delta_j` the adapters and `G~_j` gates of a router of their own:
//!
//! ```text
//! y = sum_i G_i(x) E_i(x) + sum_j G~_j(x) Delta_j(x)     routed      a Branch with a router
//! y = sum_i G_i(x) (E_i(x) + Delta_i(x))                 embedded    ExpertBank::with_adapters
//! y = sum_i G_i(x) E_i(x) + sum_j Delta_j(x)             dense       a Branch without; one adapter is `single`
//! ```

mod bank;
mod branch;
mod config;

pub use bank::AdapterBank;
pub use branch::{Branch, BranchGates, BranchRouting};
pub use config::{AdapterConfig, AdapterForm, AdapterInit};
