//! The maps of a layer, by what they read.

use nn::{GroupedLinear, Linear, MapMut, NamedMap, Watch, Weight};

use crate::{
    Packed,
    stack::{Packing, Stack},
};

/// Maps that read the same rows.
#[derive(Debug)]
pub struct Readers<'a>(pub Vec<NamedMap<'a>>);

impl<'a> Readers<'a> {
    /// Maps by themselves.
    pub fn ones(maps: impl IntoIterator<Item = (String, &'a mut Linear)>) -> Self {
        let one = |(name, map)| NamedMap::one(name, map);
        Self(maps.into_iter().map(one).collect())
    }

    /// Maps of experts.
    pub fn experts(maps: impl IntoIterator<Item = (Vec<String>, &'a mut GroupedLinear)>) -> Self {
        let experts = |(names, map)| NamedMap::experts(names, map);
        Self(maps.into_iter().map(experts).collect())
    }

    /// Shows what they read to a watch, or to none.
    pub(crate) fn watched(&mut self, watch: Option<Watch>) {
        // What one of them reads, all do.
        match self.0.first_mut().map(|first| &mut first.map) {
            Some(MapMut::One(map)) => map.watched(watch),
            Some(MapMut::Experts(maps)) => maps.watched(watch),
            None => {}
        }
    }
}

/// Puts words in place of a map's numbers.
pub(crate) fn replace(map: &mut MapMut<'_>, maps: &[&Packed]) {
    let [_, _, outputs] = map.dims();
    let device = map.device();
    let mut stack = Stack::default();
    stack.extend(maps.iter().map(|packed| Packing {
        words: packed.words.iter().map(|word| word.cast_signed()).collect(),
        scales: packed.scales.iter().map(|scale| scale.to_f32()).collect(),
        zeros: packed.zero_numbers(),
        groups: packed.groups.clone(),
    }));
    let weight = stack.into_int4(outputs, &device);
    match map {
        MapMut::One(map) => map.weight = Weight::Int4(weight),
        MapMut::Experts(maps) => maps.weight = Weight::Int4(weight),
    }
}
