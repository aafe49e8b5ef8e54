//! The modules of a model, as patterns see them.

use std::collections::BTreeSet;

use nn::{MapMut, MapSizes, NamedMap, NamedMaps};

use crate::pattern::takes;

/// A map of a model, or those of its experts in one layer.
#[derive(Debug)]
pub(crate) struct Module {
    /// One name, or one for each expert.
    pub(crate) names: Vec<String>,
    /// Values of a row that comes in.
    pub(crate) inputs: usize,
    /// Values of a row that goes out.
    pub(crate) outputs: usize,
    /// Whether it is a stack of experts' maps.
    pub(crate) experts: bool,
    pub(crate) biased: bool,
    pub(crate) has_delta: bool,
}

/// The modules of a model, in the order of its maps.
#[derive(Debug)]
pub(crate) struct Modules(pub(crate) Vec<Module>);

impl Modules {
    pub(crate) fn of(model: &mut impl NamedMaps) -> Self {
        let maps = model.named_maps().into_iter();
        Self(maps.map(Module::of).collect())
    }

    /// Those of a model that is not built.
    pub(crate) fn of_sizes(maps: &[MapSizes]) -> Self {
        Self(maps.iter().map(Module::of_sizes).collect())
    }

    /// Every name, those of experts one by one.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.0
            .iter()
            .flat_map(|module| &module.names)
            .map(String::as_str)
    }

    /// The parameters by which transformers knows maps since version 5: stacks of experts, and matrices.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = String> {
        self.0.iter().filter_map(Module::parameter)
    }

    /// The last parts of the names, each once, for messages.
    pub(crate) fn endings(&self) -> Vec<String> {
        let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
        let endings: BTreeSet<String> = self.names().map(last).collect();
        endings.into_iter().collect()
    }

    /// The modules by themselves whose names an entry takes.
    pub(crate) fn alone<'a>(
        &'a self,
        entry: &'a str,
    ) -> impl Iterator<Item = (usize, &'a Module)> + 'a {
        let own = self.0.iter().enumerate();
        own.filter(move |(_, module)| !module.experts && takes(entry, &module.names[0]))
    }
}

impl Module {
    fn of(named: NamedMap<'_>) -> Self {
        let NamedMap { names, map } = named;
        let [_, inputs, outputs] = map.dims();
        Self {
            names,
            inputs,
            outputs,
            experts: matches!(map, MapMut::Experts(_)),
            biased: match &map {
                MapMut::One(map) => map.bias.is_some(),
                MapMut::Experts(maps) => maps.bias.is_some(),
            },
            has_delta: map.has_delta(),
        }
    }

    fn of_sizes(map: &MapSizes) -> Self {
        Self {
            names: map.names.clone(),
            inputs: map.dims.inputs,
            outputs: map.dims.outputs,
            experts: map.experts,
            biased: map.dims.bias,
            has_delta: false,
        }
    }

    /// What stands before the number of an expert in its maps' names, and behind it.
    pub(crate) fn stack(&self) -> Option<(&str, &str)> {
        if !self.experts {
            return None;
        }
        let (before, part) = self.names.first()?.rsplit_once('.')?;
        let (stack, number) = before.rsplit_once('.')?;
        (number == "0").then_some((stack, part))
    }

    /// The parameter that it is of in transformers 5: `<experts>.gate_up_proj` of gate and up, other maps of
    /// experts by themselves, and `<module>.weight`.
    pub(crate) fn parameter(&self) -> Option<String> {
        if self.experts {
            let (stack, part) = self.stack()?;
            Some(format!("{stack}.{}", fused_part(part)))
        } else {
            Some(format!("{}.weight", self.names[0]))
        }
    }
}

/// The parameter of a stack of experts that a map of theirs is a part of.
pub(crate) fn fused_part(part: &str) -> &str {
    match part {
        "gate_proj" | "up_proj" => "gate_up_proj",
        other => other,
    }
}
