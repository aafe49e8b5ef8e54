//! The maps of a layer, by what they read.

use burn::tensor::{Device, Tensor};
use nn::{GroupedLinear, Linear, Watch, Weight};

use crate::{Packed, stack::Stack};

/// A map of a layer, or one of each expert.
#[derive(Debug)]
pub enum MapMut<'a> {
    /// A map by itself.
    One(&'a mut Linear),
    /// The maps of experts.
    Experts(&'a mut GroupedLinear),
}

/// Maps that read the same rows, with the name of each, or of each expert's.
#[derive(Debug)]
pub struct Readers<'a>(pub Vec<(Vec<String>, MapMut<'a>)>);

impl<'a> Readers<'a> {
    /// Maps by themselves.
    pub fn ones(maps: impl IntoIterator<Item = (String, &'a mut Linear)>) -> Self {
        let one = |(name, map)| (vec![name], MapMut::One(map));
        Self(maps.into_iter().map(one).collect())
    }

    /// Maps of experts.
    pub fn experts(maps: impl IntoIterator<Item = (Vec<String>, &'a mut GroupedLinear)>) -> Self {
        let experts = |(names, map)| (names, MapMut::Experts(map));
        Self(maps.into_iter().map(experts).collect())
    }

    /// Shows what they read to a watch, or to none.
    pub(crate) fn watched(&mut self, watch: Option<Watch>) {
        // What one of them reads, all do.
        match self.0.first_mut() {
            Some((_, MapMut::One(map))) => map.watched(watch),
            Some((_, MapMut::Experts(maps))) => maps.watched(watch),
            None => {}
        }
    }
}

impl MapMut<'_> {
    /// E, inputs and outputs.
    pub(crate) fn dims(&self) -> [usize; 3] {
        match self {
            Self::One(map) => {
                let [inputs, outputs] = map.weight.dims();
                [1, inputs, outputs]
            }
            Self::Experts(maps) => maps.dims(),
        }
    }

    pub(crate) fn device(&self) -> Device {
        match self {
            Self::One(map) => map.weight.device(),
            Self::Experts(maps) => maps.weight.device(),
        }
    }

    /// The weight of one, `[K, N]`.
    pub(crate) fn weight(&self, expert: usize) -> Tensor<2> {
        match self {
            Self::One(map) => map.weight.val(),
            Self::Experts(maps) => maps.weight.val().narrow(0, expert, 1).squeeze_dim(0),
        }
    }

    /// Puts words in place of its numbers.
    pub(crate) fn replace(&mut self, maps: &[&Packed]) {
        let [_, _, outputs] = self.dims();
        let device = self.device();
        let mut stack = Stack::of(maps.len());
        for map in maps {
            stack.push(
                map.words.iter().map(|word| word.cast_signed()).collect(),
                map.scales.iter().map(|scale| scale.to_f32()).collect(),
                map.zero_numbers(),
                map.groups.clone(),
            );
        }
        let weight = stack.into_int4(outputs, &device);
        match self {
            Self::One(map) => map.weight = Weight::Int4(weight),
            Self::Experts(maps) => maps.weight = Weight::Int4(weight),
        }
    }
}
