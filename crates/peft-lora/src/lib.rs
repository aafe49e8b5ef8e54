//! Low-rank adapters (LoRA) of a model's linear maps, and their files as Hugging Face's PEFT has them.
//!
//! ```text
//! model --named maps--> Modules --a configuration's patterns--> which get a delta, which are trained whole
//! files of PEFT --names, shapes, ranks held against Modules--> deltas       and the way back
//! ```
//!
//! # What it decides, and what it does not
//!
//! A [`LoraConfig`] says by name which maps get a [`LowRank`](nn::LowRank) delta and of which rank; [`adapt`]
//! freezes a model and gives it those. What a delta computes, `nn` knows; which maps there are, a model says
//! ([`NamedMaps`](nn::NamedMaps)), by the names of its files. Training is the trainer's: an optimiser sees what
//! requires a gradient, which is then the adapter alone.
//!
//! [`load_adapter`] reads a folder that PEFT wrote, [`save_adapter`] writes one that PEFT reads, with experts in
//! either [`ExpertLayout`]. [`merge`] adds deltas to dense weights. A router that took another's place and that
//! Hugging Face has no module for is kept beside by [`save_routers`].
//!
//! # Beside mixtures
//!
//! Not all that adapts a mixture is a delta of one of its maps: [`add_perft`] puts bottlenecks beside the experts or
//! into them, with a router of their own or that of the layer, by a [`PerftConfig`] (Liu et al. 2024). What they
//! compute, `moe-layer` knows. [`PerftConfig::sizes`] counts what is trained and what of it a token meets; PEFT has no files for them, so [`save_perft`] and [`load_perft`] have their own.
//!
//! # Dropout
//!
//! Draws follow from the seed of a pass and the place of a delta in the model ([`nn::Manner`]); outside training
//! nothing is dropped. A router's delta never drops anything: who goes where should not depend on it, and PEFT
//! refuses dropout on parameters that are no linear module, which routers are there since transformers 5.
//!
//! # Legend
//!
//! r is the rank, s the scale `alpha / r` or `alpha / sqrt(r)`, E experts, `A` `[inputs, r]` and `B`
//! `[r, outputs]` here, transposed in files.
//!
//! ```
//! use burn::tensor::Device;
//! use nn::{LinearDims, NamedMap, NamedMaps};
//! use peft_lora::{LoraConfig, adapt};
//!
//! #[derive(burn::module::Module, Debug)]
//! struct Pair { first: nn::Linear, second: nn::Linear }
//!
//! impl NamedMaps for Pair {
//!     fn named_maps(&mut self) -> Vec<NamedMap<'_>> {
//!         vec![NamedMap::one("pair.first", &mut self.first), NamedMap::one("pair.second", &mut self.second)]
//!     }
//! }
//!
//! let device = Device::flex().autodiff();
//! let map = || LinearDims::new(6, 4).init(&device);
//! let config = LoraConfig { r: 2.try_into().unwrap(), ..LoraConfig::of(&["second"]) };
//! let (model, adapted) = adapt(Pair { first: map(), second: map() }, &config).unwrap();
//! assert_eq!(adapted.deltas, ["pair.second"]);
//! // 2 x 6 numbers of A and 4 x 2 of B.
//! assert_eq!(adapted.params.trainable, 20);
//! assert_eq!(adapted.params.total, 2 * 28 + 20);
//! # let _ = model;
//! ```

mod adapt;
mod beside;
mod config;
mod count;
mod error;
mod files;
mod merge;
mod modules;
mod pattern;
mod perft;
mod plan;
mod routers;
mod sizes;

pub use adapt::{Adapted, adapt};
pub use config::LoraConfig;
use config::place;
pub use count::{Params, count_params};
pub use error::LoraError;
pub use files::{ExpertLayout, Loaded, Saved, load_adapter, save_adapter};
pub use merge::{Merged, merge, unmerge};
pub use perft::{
    AdapterSizes, DenseAdaptersConfig, EmbeddedAdaptersConfig, Perft, PerftBase, PerftConfig,
    PerftVariant, RoutedAdaptersConfig, RoutedAsPublishedConfig, SingleAdapterConfig, add_perft,
    load_perft, save_perft,
};
pub use routers::{load_routers, save_routers, train_routers};
pub use sizes::lora_sizes;
