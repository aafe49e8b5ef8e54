//! Adapters beside mixtures to their files and back.
//!
//! Hugging Face's PEFT has no place for them. `perft.json` says how they are built and beside what, and
//! `perft.safetensors` has their numbers, mixture by mixture: `mixtures.<number>.adapters.{down,up}.weight`, and what
//! their router is made of.

use std::path::Path;

use burn::module::Module;
use moe_layer::{AdapterBank, LayerDims, Mixtures, MoeLayer};
use nn::NamedMaps;
use routers::Router;
use serde::{Deserialize, Serialize};

use super::{Perft, PerftConfig, add_perft};
use crate::{LoraError, beside};

/// How the adapters are built.
const SETTINGS: &str = "perft.json";

/// What they learned.
const TENSORS: &str = "perft.safetensors";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    perft: PerftConfig,
    mixtures: Vec<Base>,
}

/// A mixture that adapters stand beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    layer: usize,
    width: usize,
    experts: usize,
}

impl Base {
    fn of<M: Mixtures>(model: &M) -> Vec<Self> {
        let of = |(layer, moe): (usize, &MoeLayer)| {
            let dims = moe.experts().dims();
            Self {
                layer,
                width: dims.width,
                experts: dims.experts,
            }
        };
        model.mixtures().into_iter().map(of).collect()
    }
}

/// What stands beside one mixture.
#[derive(Module, Debug)]
struct Part {
    router: Option<Router>,
    adapters: AdapterBank,
}

impl Part {
    fn of(layer: &MoeLayer) -> Option<Self> {
        match (layer.branch(), layer.experts().adapters()) {
            (Some(branch), _) => Some(Self {
                router: branch.router().cloned(),
                adapters: branch.adapters().clone(),
            }),
            (None, Some(adapters)) => Some(Self {
                router: None,
                adapters: adapters.clone(),
            }),
            (None, None) => None,
        }
    }

    /// The layer with this in the place of adapters that are built alike.
    fn put(self, layer: MoeLayer) -> MoeLayer {
        let Self { router, adapters } = self;
        let Some(branch) = layer.branch().cloned() else {
            let experts = layer.experts().clone().with_adapters(Some(adapters));
            return layer.with_experts(experts);
        };
        let branch = branch.with_adapters(adapters);
        let branch = branch.map_router(|own| router.unwrap_or(own));
        layer.with_branch(Some(branch))
    }
}

/// What stands beside all mixtures of a model.
#[derive(Module, Debug)]
struct All {
    mixtures: Vec<Part>,
}

impl All {
    /// `None` unless every mixture has adapters.
    fn of<M: Mixtures>(model: &M) -> Option<Self> {
        let parts = model.mixtures().into_iter();
        let mixtures: Option<Vec<_>> = parts.map(|(_, moe)| Part::of(moe)).collect();
        mixtures
            .filter(|parts| !parts.is_empty())
            .map(|mixtures| Self { mixtures })
    }
}

/// Writes the adapters of a model that were built by `config`: `perft.json` and `perft.safetensors`.
///
/// # Errors
///
/// When a file cannot be written, and for a model without adapters beside its mixtures.
pub fn save_perft<M: Mixtures>(
    model: &M,
    config: &PerftConfig,
    folder: &Path,
) -> Result<(), LoraError> {
    let all = All::of(model).ok_or(LoraError::NoAdapters)?;
    let written = Written {
        perft: config.clone(),
        mixtures: Base::of(model),
    };
    beside::write(&all.valid(), &written, folder, [SETTINGS, TENSORS])
}

/// Freezes a model and gives it the adapters of a folder, ready to be used or trained on, and how they were built;
/// the model as it is where the folder has none. `dims` are those of the model's layers.
///
/// # Errors
///
/// When a file cannot be read, is of other mixtures or of other sizes, and for numbers that are not finite; for a
/// model that has adapters already.
pub fn load_perft<M: Module + NamedMaps + Mixtures>(
    model: M,
    dims: &LayerDims,
    folder: &Path,
) -> Result<(M, Option<(PerftConfig, Perft)>), LoraError> {
    let path = folder.join(SETTINGS);
    if !path.exists() {
        return Ok((model, None));
    }
    let written: Written = beside::read_settings(&path)?;
    let own = Base::of(&model);
    if own != written.mixtures {
        let problem = other_mixtures(&written.mixtures, &own);
        return Err(LoraError::Settings { path, problem });
    }
    let added = add_perft(model, &written.perft, dims);
    let (model, perft) = added.map_err(|error| match error {
        router @ LoraError::Router(_) => LoraError::Settings {
            path,
            problem: router.to_string(),
        },
        other => other,
    })?;
    let all = All::of(&model).expect("adapters were just added");
    let all = beside::read(all, &folder.join(TENSORS))?;
    let mut parts = all.mixtures.into_iter();
    let model = model.map_mixtures(|_, layer| {
        let part = parts.next().expect("a part for every mixture");
        Ok::<_, LoraError>(part.put(layer))
    })?;
    Ok((model, Some((written.perft, perft))))
}

fn other_mixtures(theirs: &[Base], own: &[Base]) -> String {
    let told = |mixtures: &[Base]| {
        let told = mixtures.iter().map(|base| {
            let Base {
                layer,
                width,
                experts,
            } = base;
            format!("layer {layer} of {experts} experts and width {width}")
        });
        told.collect::<Vec<_>>().join(", ")
    };
    format!(
        "has adapters for {}, and the model has {}; take the model that they were trained in",
        told(theirs),
        told(own)
    )
}
