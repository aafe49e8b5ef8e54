//! The numbers of a low-rank adapter before anything is built.

use nn::MapSizes;

use crate::{AdapterSizes, LoraConfig, LoraError, modules::Modules, plan::Plan};

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
/// assert_eq!((sizes.trainable, sizes.activated, sizes.added), (320, 240, 240));
/// ```
pub fn lora_sizes(
    config: &LoraConfig,
    maps: &[MapSizes],
    rows: f64,
) -> Result<AdapterSizes, LoraError> {
    let plan = Plan::of(config, &Modules::of_sizes(maps))?;
    let mut sizes = AdapterSizes::default();
    for (place, map) in maps.iter().enumerate() {
        if plan.whole.contains(&place) {
            let whole = map.dims.num_params();
            sizes.trainable += whole;
            sizes.activated += whole;
        } else if let Some(delta) = plan.deltas.get(&place) {
            let each = delta.rank * (map.dims.inputs + map.dims.outputs);
            let met = if map.experts { rows } else { 1.0 };
            let met = (met * each as f64).round() as usize;
            sizes.trainable += map.names.len() * each;
            sizes.activated += met;
            sizes.added += met;
        }
    }
    Ok(sizes)
}
