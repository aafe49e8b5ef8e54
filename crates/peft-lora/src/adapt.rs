//! A model with an adapter that is yet to be trained.

use std::fmt;

use burn::{
    module::{Module, Param},
    tensor::{FloatDType, Tensor},
};
use nn::{LowRank, MapMut, NamedMaps, Weight};

use crate::{LoraConfig, LoraError, Params, count_params, modules::Modules, plan::Plan};

/// What an adapter is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapted {
    /// The modules with a delta, those of experts one by one.
    pub deltas: Vec<String>,
    /// The modules that are trained whole.
    pub whole: Vec<String>,
    /// Numbers of the model and of the adapter.
    pub params: Params,
}

impl fmt::Display for Adapted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            deltas,
            whole,
            params,
        } = self;
        let list = |names: &[String]| match names {
            [] => "none".to_owned(),
            names => names.join(", "),
        };
        writeln!(f, "{} modules with a delta: {}", deltas.len(), list(deltas))?;
        writeln!(f, "{} modules trained whole: {}", whole.len(), list(whole))?;
        write!(f, "{params}")
    }
}

/// Freezes a model and gives it the deltas of a configuration, drawn from the generator of its device; modules to
/// save are thawed. An optimiser then sees the adapter alone.
///
/// # Errors
///
/// Entries that take no module, patterns that are none, experts that would not be alike, a module that has a
/// delta, and one in four bits that is to be trained whole. The model is then lost, so clone it before.
pub fn adapt<M: Module + NamedMaps>(
    model: M,
    config: &LoraConfig,
) -> Result<(M, Adapted), LoraError> {
    let mut model = model.no_grad();
    let modules = Modules::of(&mut model);
    let plan = Plan::of(config, &modules)?;
    let mut adapted = Adapted {
        deltas: Vec::new(),
        whole: Vec::new(),
        params: Params::default(),
    };
    for (place, named) in model.named_maps().into_iter().enumerate() {
        let module = &modules.0[place];
        if plan.whole.contains(&place) {
            thaw(named.map, &module.names[0])?;
            adapted.whole.extend(module.names.iter().cloned());
            continue;
        }
        let Some(delta) = plan.deltas.get(&place) else {
            continue;
        };
        if module.has_delta {
            let module = module.names[0].clone();
            return Err(LoraError::Twice { module });
        }
        let device = named.map.device();
        let [experts, inputs, outputs] = named.map.dims();
        let config = config.delta(delta.rank, delta.alpha, place);
        match named.map {
            MapMut::One(map) => {
                map.delta = Some(LowRank::init([inputs, outputs], &config, &device));
            }
            MapMut::Experts(maps) => {
                maps.delta = Some(LowRank::init([experts, inputs, outputs], &config, &device));
            }
        }
        adapted.deltas.extend(module.names.iter().cloned());
    }
    adapted.params = count_params(&mut model);
    Ok((model, adapted))
}

/// Makes a map learn, in f32.
pub(crate) fn thaw(map: MapMut<'_>, name: &str) -> Result<(), LoraError> {
    fn learned<const D: usize>(param: &Param<Tensor<D>>) -> Param<Tensor<D>> {
        let exact = param.val().detach().cast(FloatDType::F32);
        Param::from_tensor(exact)
    }
    fn weight<const D: usize>(weight: &Weight<D>, name: &str) -> Result<Weight<D>, LoraError> {
        match weight {
            Weight::Dense(param) => Ok(Weight::Dense(learned(param))),
            Weight::Int4(_) => Err(LoraError::FourBits {
                module: name.to_owned(),
                what: "cannot be trained whole",
                remedy: "train it",
            }),
        }
    }
    match map {
        MapMut::One(map) => {
            map.weight = weight(&map.weight, name)?;
            map.bias = map.bias.as_ref().map(learned);
        }
        MapMut::Experts(maps) => {
            maps.weight = weight(&maps.weight, name)?;
            maps.bias = maps.bias.as_ref().map(learned);
        }
    }
    Ok(())
}
