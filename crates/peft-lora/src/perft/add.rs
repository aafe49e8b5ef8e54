//! A model with adapters beside its mixtures that are yet to be trained.

use std::fmt;

use burn::module::Module;
use moe_layer::{AdapterBank, LayerDims, Mixtures, MoeLayer};
use nn::NamedMaps;
use routers::RouterError;

use super::{PerftConfig, PerftVariant};
use crate::{LoraError, Params, count_params};

/// What adapters beside mixtures are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Perft {
    /// The layers that have some.
    pub layers: Vec<usize>,
    /// M: how many each has.
    pub adapters: usize,
    /// Numbers of the model and of the adapters.
    pub params: Params,
}

impl fmt::Display for Perft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            layers,
            adapters,
            params,
        } = self;
        writeln!(
            f,
            "{adapters} adapters beside the mixture of each of {} layers: {layers:?}",
            layers.len()
        )?;
        write!(f, "{params}")
    }
}

/// Freezes a model, its routers among the rest, and puts adapters beside all its mixtures, drawn from the generator
/// of its device. An optimiser then sees the adapters and their router alone. `dims` are those of the model's
/// layers.
///
/// # Errors
///
/// For a model without mixtures, for one that has adapters, and what their router refuses. The model is then lost,
/// so clone it before.
pub fn add_perft<M: Module + NamedMaps + Mixtures>(
    model: M,
    config: &PerftConfig,
    dims: &LayerDims,
) -> Result<(M, Perft), LoraError> {
    let mut layers = Vec::new();
    let mut adapters = 0;
    let mut model = model.no_grad().map_mixtures(|number, layer| {
        if layer.has_adapters() {
            return Err(LoraError::HasAdapters { layer: number });
        }
        layers.push(number);
        adapters = config.variant.adapters(layer.experts().dims().experts);
        Ok(with_adapters(config, number, layer, dims)?)
    })?;
    if layers.is_empty() {
        return Err(LoraError::NoMixture);
    }
    let params = count_params(&mut model);
    let perft = Perft {
        layers,
        adapters,
        params,
    };
    Ok((model, perft))
}

fn with_adapters(
    config: &PerftConfig,
    number: usize,
    layer: MoeLayer,
    dims: &LayerDims,
) -> Result<MoeLayer, RouterError> {
    let width = layer.width();
    let experts = layer.experts().dims().experts;
    let adapters = config.adapters(experts, width, number);
    if matches!(config.variant, PerftVariant::Embedded(_)) {
        let device = layer.experts().devices().swap_remove(0);
        let adapters = AdapterBank::init(&adapters, &device);
        let experts = layer.experts().clone().with_adapters(Some(adapters));
        return Ok(layer.with_experts(experts));
    }
    let dims = LayerDims {
        width,
        ..dims.clone()
    };
    let branch = layer.fresh_branch(&adapters, config.variant.routing().as_ref(), &dims)?;
    Ok(layer.with_branch(Some(branch)))
}
