//! Deltas into weights and out again.

use nn::{LowRank, MapMut, NamedMaps};

use crate::LoraError;

/// Deltas that were merged, to be taken out again by [`unmerge`].
#[derive(Debug, Clone, Default)]
pub struct Merged {
    /// By the places of their maps.
    of: Vec<(usize, Delta)>,
}

#[derive(Debug, Clone)]
enum Delta {
    One(LowRank<2>),
    Experts(LowRank<3>),
}

impl Merged {
    /// How many maps had one.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.of.len()
    }

    /// Whether there was nothing to merge.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.of.is_empty()
    }
}

/// Adds every delta of a model to its weight: `W + s A B`. The model then computes the same without an adapter,
/// and can be written as one of its kind.
///
/// # Errors
///
/// When a map with a delta is in four bits; nothing is changed then.
pub fn merge(model: &mut impl NamedMaps) -> Result<Merged, LoraError> {
    let mut maps = model.named_maps();
    let packed = |named: &&nn::NamedMap<'_>| named.map.is_int4() && named.map.has_delta();
    if let Some(named) = maps.iter().find(packed) {
        return Err(LoraError::FourBits {
            module: named.names[0].clone(),
            what: "take no delta up",
            remedy: "merge",
        });
    }
    let merged = maps.iter_mut().enumerate().filter_map(|(place, named)| {
        let delta = match &mut named.map {
            MapMut::One(map) => Delta::One(map.merge()?),
            MapMut::Experts(maps) => Delta::Experts(maps.merge()?),
        };
        Some((place, delta))
    });
    Ok(Merged {
        of: merged.collect(),
    })
}

/// Takes deltas out of the weights that [`merge`] added them to; weights are then what they were up to rounding.
///
/// # Panics
///
/// For another model than the one that they were merged into.
pub fn unmerge(model: &mut impl NamedMaps, merged: Merged) {
    let mut maps = model.named_maps();
    for (place, delta) in merged.of {
        match (&mut maps[place].map, delta) {
            (MapMut::One(map), Delta::One(delta)) => map.unmerge(delta),
            (MapMut::Experts(maps), Delta::Experts(delta)) => maps.unmerge(delta),
            (map, _) => panic!("another model: {map:?}"),
        }
    }
}
