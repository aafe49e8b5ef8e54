//! The numbers of an adapter before anything is built.

use nn::MapSizes;

use crate::{LoraConfig, LoraError, modules::Modules, plan::Plan};

/// Numbers of an adapter that is yet to be built.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LoraSizes {
    /// Those that are learned: of deltas, and of modules that are trained whole.
    pub trainable: usize,
    /// Those of them that one token meets.
    pub activated: f64,
}

/// The numbers of the adapter of a configuration in a model with these maps, whose tokens have `rows` experts each.
///
/// A delta of rank r has `r (inputs + outputs)` numbers, and of the deltas of a layer's experts a token meets `rows`.
///
/// # Errors
///
/// What [`adapt`](crate::adapt) refuses of the configuration: entries that take no module, patterns that are none,
/// experts that would not be alike.
///
/// ```
/// use nn::{LinearDims, MapSizes};
/// use peft_lora::{LoraConfig, lora_sizes};
///
/// let dims = LinearDims::without_bias(6, 4);
/// let names = (0..3).map(|expert| format!("experts.{expert}.up")).collect();
/// let maps = [MapSizes::one("query", dims), MapSizes::experts(names, dims)];
/// let sizes = lora_sizes(&LoraConfig::of(&["query", "up"]), &maps, 2.0).unwrap();
/// // 8 (6 + 4) for the query and for each of three experts, of which a token meets two.
/// assert_eq!((sizes.trainable, sizes.activated), (320, 240.0));
/// ```
pub fn lora_sizes(
    config: &LoraConfig,
    maps: &[MapSizes],
    rows: f64,
) -> Result<LoraSizes, LoraError> {
    let plan = Plan::of(config, &Modules::of_sizes(maps))?;
    let mut sizes = LoraSizes::default();
    for (place, map) in maps.iter().enumerate() {
        let one = if plan.whole.contains(&place) {
            map.dims.num_params()
        } else if let Some(delta) = plan.deltas.get(&place) {
            delta.rank * (map.dims.inputs + map.dims.outputs)
        } else {
            continue;
        };
        let experts = map.names.len();
        sizes.trainable += experts * one;
        let met = if map.experts { rows } else { 1.0 };
        sizes.activated += met * one as f64;
    }
    Ok(sizes)
}
