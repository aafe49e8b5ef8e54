//! Which modules get a delta and which are trained whole.

use std::collections::BTreeMap;

use crate::{
    LoraConfig, LoraError,
    modules::{Module, Modules},
    pattern::{Patterns, takes},
};

/// A delta of a module.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Delta {
    pub(crate) rank: usize,
    pub(crate) alpha: f64,
    /// Whether it is targeted as a parameter.
    pub(crate) of_parameter: bool,
}

/// What becomes of the modules of a model, by their places among them.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) deltas: BTreeMap<usize, Delta>,
    pub(crate) whole: Vec<usize>,
}

impl Plan {
    /// What a configuration says of the modules. `whole` takes the modules of an entry of `modules-to-save`.
    pub(crate) fn of(config: &LoraConfig, modules: &Modules) -> Result<Self, LoraError> {
        let LoraConfig {
            target_modules,
            target_parameters,
            modules_to_save,
            ..
        } = config;
        if target_modules.is_empty() && target_parameters.is_empty() && modules_to_save.is_empty() {
            return Err(LoraError::Nothing);
        }
        let dropout = config.dropout.get();
        if dropout > 0.0 && !target_parameters.is_empty() {
            return Err(LoraError::Dropout { dropout });
        }
        let idle = |setting: &'static str, entries: Vec<String>, hint| {
            if entries.is_empty() {
                return Ok(());
            }
            Err(LoraError::Unmatched {
                setting,
                entries,
                known: modules.endings(),
                hint,
            })
        };
        let without = |entries: &[String], found: &dyn Fn(&str) -> bool| -> Vec<String> {
            let idle = entries.iter().filter(|entry| !found(entry));
            idle.cloned().collect()
        };
        let named = |entry: &str| modules.names().any(|name| takes(entry, name));
        let owned = |entry: &str| modules.parameters().any(|name| takes(entry, &name));
        let alone = |entry: &str| modules.alone(entry).next().is_some();
        idle("target-modules", without(target_modules, &named), "")?;
        idle(
            "target-parameters",
            without(target_parameters, &owned),
            "; parameters are such as `mlp.experts.gate_up_proj` and `mlp.gate.weight`",
        )?;
        idle(
            "modules-to-save",
            without(modules_to_save, &alone),
            "; a router that took another's place is trained and saved beside, without its name here",
        )?;
        let mut whole: Vec<usize> = modules_to_save
            .iter()
            .flat_map(|entry| modules.alone(entry).map(|(place, _)| place))
            .collect();
        whole.sort_unstable();
        whole.dedup();
        let sizes = Sizes::of(config)?;
        let mut deltas = BTreeMap::new();
        for (place, module) in modules.0.iter().enumerate() {
            if whole.contains(&place) {
                continue;
            }
            let delta = match by_parameter(target_parameters, module) {
                Some(parameter) => Some(sizes.get(&parameter, true)?),
                None => by_names(target_modules, module, &sizes)?,
            };
            deltas.extend(delta.map(|delta| (place, delta)));
        }
        let parameters: Vec<String> = modules.parameters().collect();
        let all = modules.names().chain(parameters.iter().map(String::as_str));
        idle("rank-pattern", sizes.ranks.idle(all.clone()), "")?;
        idle("alpha-pattern", sizes.alphas.idle(all), "")?;
        Ok(Self { deltas, whole })
    }
}

/// The parameter that a module is targeted by.
fn by_parameter(entries: &[String], module: &Module) -> Option<String> {
    let parameter = module.parameter()?;
    let targeted = entries.iter().any(|entry| takes(entry, &parameter));
    targeted.then_some(parameter)
}

/// The delta of a module that is targeted by its name, or by those of all its experts.
fn by_names(
    entries: &[String],
    module: &Module,
    sizes: &Sizes,
) -> Result<Option<Delta>, LoraError> {
    let targeted = |name: &&String| entries.iter().any(|entry| takes(entry, name));
    let own: Vec<&String> = module.names.iter().filter(targeted).collect();
    let Some(first) = own.first() else {
        return Ok(None);
    };
    if own.len() < module.names.len() {
        return Err(LoraError::SomeExperts {
            stack: (*first).clone(),
            got: own.len(),
            experts: module.names.len(),
        });
    }
    let delta = sizes.get(first, false)?;
    for name in &own {
        let other = sizes.get(name, false)?;
        if other != delta {
            return Err(LoraError::UnequalExperts {
                first: (*first).clone(),
                second: (*name).clone(),
                of_first: (delta.rank, delta.alpha),
                of_second: (other.rank, other.alpha),
            });
        }
    }
    Ok(Some(delta))
}

/// Ranks and alphas by names.
struct Sizes {
    rank: usize,
    alpha: f64,
    ranks: Patterns<usize>,
    alphas: Patterns<f64>,
}

impl Sizes {
    fn of(config: &LoraConfig) -> Result<Self, LoraError> {
        let ranks = config.rank_pattern.iter();
        let ranks = ranks.map(|(pattern, rank)| (pattern.clone(), rank.get()));
        let alphas = config.alpha_pattern.iter();
        let alphas = alphas.map(|(pattern, alpha)| (pattern.clone(), alpha.get()));
        Ok(Self {
            rank: config.r.get(),
            alpha: config.alpha.get(),
            ranks: Patterns::new("rank-pattern", &ranks.collect())?,
            alphas: Patterns::new("alpha-pattern", &alphas.collect())?,
        })
    }

    fn get(&self, name: &str, of_parameter: bool) -> Result<Delta, LoraError> {
        Ok(Delta {
            rank: self.ranks.get(name)?.unwrap_or(self.rank),
            alpha: self.alphas.get(name)?.unwrap_or(self.alpha),
            of_parameter,
        })
    }
}
