//! The linear maps of a model by their names in files.

use burn::tensor::{Device, Tensor};

use crate::{GroupedLinear, Linear, LinearDims};

/// A map of a model, or one of each expert.
#[derive(Debug)]
pub enum MapMut<'a> {
    /// A map by itself.
    One(&'a mut Linear),
    /// The maps of experts.
    Experts(&'a mut GroupedLinear),
}

/// A map with its name, or those of experts with the name of each.
///
/// Names are those of the modules in files, without `.weight`.
#[derive(Debug)]
pub struct NamedMap<'a> {
    /// One name, or one for each expert.
    pub names: Vec<String>,
    /// The map.
    pub map: MapMut<'a>,
}

/// The sizes of a map, or of those of experts, with their names: a [`NamedMap`] that is not built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapSizes {
    /// One name, or one for each expert.
    pub names: Vec<String>,
    /// Whether it is a stack of experts' maps.
    pub experts: bool,
    /// Of each map.
    pub dims: LinearDims,
}

impl MapSizes {
    /// A map by itself.
    pub fn one(name: impl Into<String>, dims: LinearDims) -> Self {
        Self {
            names: vec![name.into()],
            experts: false,
            dims,
        }
    }

    /// The maps of experts.
    #[must_use]
    pub const fn experts(names: Vec<String>, dims: LinearDims) -> Self {
        Self {
            names,
            experts: true,
            dims,
        }
    }
}

/// A model whose linear maps have names in files.
pub trait NamedMaps {
    /// Every map that files have, those that decide (routers, gates of shared experts) among them, and those of a
    /// router that took another's place where a published adapter knows them by name. A map without a name is
    /// not of these.
    fn named_maps(&mut self) -> Vec<NamedMap<'_>>;
}

impl<'a> NamedMap<'a> {
    /// A map by itself.
    pub fn one(name: impl Into<String>, map: &'a mut Linear) -> Self {
        Self {
            names: vec![name.into()],
            map: MapMut::One(map),
        }
    }

    /// The maps of experts.
    pub const fn experts(names: Vec<String>, maps: &'a mut GroupedLinear) -> Self {
        Self {
            names,
            map: MapMut::Experts(maps),
        }
    }
}

impl MapMut<'_> {
    /// E (1 for a map by itself), inputs and outputs.
    #[must_use]
    pub fn dims(&self) -> [usize; 3] {
        match self {
            Self::One(map) => {
                let [inputs, outputs] = map.weight.dims();
                [1, inputs, outputs]
            }
            Self::Experts(maps) => maps.dims(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn device(&self) -> Device {
        match self {
            Self::One(map) => map.weight.device(),
            Self::Experts(maps) => maps.weight.device(),
        }
    }

    /// The weight of one, `[inputs, outputs]`.
    ///
    /// # Panics
    ///
    /// When it is of four bits, and beyond the last expert.
    #[must_use]
    pub fn weight(&self, expert: usize) -> Tensor<2> {
        match self {
            Self::One(map) => map.weight.val(),
            Self::Experts(maps) => maps.weight.val().narrow(0, expert, 1).squeeze_dim(0),
        }
    }

    /// Whether its numbers are of four bits.
    #[must_use]
    pub const fn is_int4(&self) -> bool {
        match self {
            Self::One(map) => map.weight.is_int4(),
            Self::Experts(maps) => maps.weight.is_int4(),
        }
    }

    /// Whether it has a low-rank delta.
    #[must_use]
    pub const fn has_delta(&self) -> bool {
        match self {
            Self::One(map) => map.delta.is_some(),
            Self::Experts(maps) => maps.delta.is_some(),
        }
    }
}
