//! Routers that took another's place, beside an adapter.
//!
//! Hugging Face has a module for a linear gate alone, which an adapter's `modules-to-save` writes. Whatever else a
//! router is made of (another scorer, a strategy, what it adapted) is kept here, with the settings to build it.

use std::path::Path;

use burn::module::Module;
use moe_layer::{LayerDims, LayerRouters, Mixtures, put_back};
use nn::NamedMaps;
use routers::{Router, RouterConfig, Scorer};
use serde::{Deserialize, Serialize};

use crate::{Adapted, LoraConfig, LoraError, adapt, beside, count_params, modules::Modules};

/// How the routers are built.
const SETTINGS: &str = "routers.json";

/// What they learned.
const TENSORS: &str = "routers.safetensors";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The routers of all layers.
    router: RouterConfig,
    /// The layers that have one.
    layers: Vec<usize>,
}

/// All routers of a model, those of later rounds behind the first of their layer.
#[derive(Module, Debug)]
struct All {
    routers: Vec<Router>,
}

impl All {
    fn of(routers: &[LayerRouters]) -> Self {
        let all = routers.iter().flat_map(LayerRouters::all);
        Self {
            routers: all.cloned().map(without_delta).collect(),
        }
    }
}

/// A router without the delta that an adapter has on it, which the adapter's own files hold.
fn without_delta(mut router: Router) -> Router {
    let map = router.scorer_mut().and_then(Scorer::named_map_mut);
    if let Some((_, map)) = map {
        map.delta = None;
    }
    router
}

/// [`adapt`] that leaves routers as they are: one that is learned goes on to be learned whole.
///
/// # Errors
///
/// Those of [`adapt`], and a router's map that would get a delta as well.
pub fn train_routers<M: Module + NamedMaps + Mixtures>(
    model: M,
    config: &LoraConfig,
) -> Result<(M, Adapted), LoraError> {
    let own = model.mixtures().into_iter();
    let own: Vec<LayerRouters> = own.map(|(_, moe)| moe.routers().alone()).collect();
    let (model, mut adapted) = adapt(model, config)?;
    let mut model = put_back(model, own);
    let modules = Modules::of(&mut model);
    let lost = modules
        .0
        .iter()
        .find(|module| !module.has_delta && adapted.deltas.contains(&module.names[0]));
    if let Some(module) = lost {
        return Err(LoraError::Placeless {
            module: module.names[0].clone(),
            problem: "is of a router, which is trained whole; take it out of `target-modules`"
                .to_owned(),
        });
    }
    adapted.params = count_params(&mut model);
    Ok((model, adapted))
}

/// Writes the routers of a model that were built by `config`: `routers.json` and `routers.safetensors`. A delta on a
/// router is the adapter's, and not here.
///
/// # Errors
///
/// When a file cannot be written, and for a model without mixtures.
pub fn save_routers<M: Mixtures>(
    model: &M,
    config: &RouterConfig,
    folder: &Path,
) -> Result<(), LoraError> {
    let mixtures = model.mixtures();
    if mixtures.is_empty() {
        return Err(LoraError::Nothing);
    }
    let routers: Vec<_> = mixtures.iter().map(|(_, moe)| moe.routers()).collect();
    let written = Written {
        router: config.clone(),
        layers: mixtures.iter().map(|(layer, _)| *layer).collect(),
    };
    let all = All::of(&routers).valid();
    beside::write(&all, &written, folder, [SETTINGS, TENSORS])
}

/// The model with the routers of a folder in the place of its own, and how they were built; the model as it is
/// where the folder has none. `dims` are those of the model's layers.
///
/// # Errors
///
/// When a file cannot be read, is of other layers or of other sizes, and for numbers that are not finite.
pub fn load_routers<M: Mixtures>(
    model: M,
    dims: &LayerDims,
    folder: &Path,
) -> Result<(M, Option<RouterConfig>), LoraError> {
    let path = folder.join(SETTINGS);
    if !path.exists() {
        return Ok((model, None));
    }
    let refused = |problem: String| LoraError::Settings {
        path: path.clone(),
        problem,
    };
    let written: Written = beside::read_settings(&path)?;
    let mixtures = model.mixtures();
    let layers: Vec<usize> = mixtures.iter().map(|(layer, _)| *layer).collect();
    if layers != written.layers {
        let problem = format!(
            "has routers of the layers {:?}, and the model has mixtures in {layers:?}; take the model that they \
             were trained in",
            written.layers
        );
        return Err(refused(problem));
    }
    let fresh = mixtures.iter().map(|(_, moe)| {
        let dims = LayerDims {
            width: moe.width(),
            ..dims.clone()
        };
        moe.fresh_routers(&written.router, &dims)
    });
    let fresh: Result<Vec<_>, _> = fresh.collect();
    let fresh = fresh.map_err(|error| refused(error.to_string()))?;
    let all = beside::read(All::of(&fresh), &folder.join(TENSORS))?;
    let mut read = all.routers.into_iter();
    let routers = fresh
        .into_iter()
        .map(|routers| routers.map(|_| read.next().expect("as many as there were")));
    let routers = routers.collect();
    Ok((put_back(model, routers), Some(written.router)))
}
