//! Adapters beside mixtures of experts: PERFT (Liu et al. 2024).

mod add;
mod config;
mod files;
mod sizes;
mod variant;

pub use add::{Perft, add_perft};
pub use config::PerftConfig;
pub use files::{load_perft, save_perft};
pub use sizes::{AdapterSizes, PerftBase};
pub use variant::{
    DenseAdaptersConfig, EmbeddedAdaptersConfig, PerftVariant, RoutedAdaptersConfig,
    RoutedAsPublishedConfig, SingleAdapterConfig,
};
