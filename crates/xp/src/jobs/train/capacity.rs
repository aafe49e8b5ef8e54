//! The column of C.

use moe_layer::{DropPolicyConfig, LayerDims, MoeLayer};

use super::settings::TrainSettings;

/// C of a training batch, where something limits it and it is one for all layers.
pub(super) fn capacity(settings: &TrainSettings) -> Option<usize> {
    let TrainSettings {
        moe, router, train, ..
    } = settings;
    if settings.model.differs_by_layer() {
        return None;
    }
    let sequences = train.batch.get();
    let k = moe.k_of_round().unwrap_or(moe.k.get());
    let tokens = sequences * train.sequence.get();
    if router.strategy.rules().owns_capacity() {
        // Neither width nor vocabulary bears on it.
        let dims = MoeLayer::router_dims(moe, &LayerDims::new(0, 0));
        return router
            .strategy
            .rules()
            .own_capacity(&dims, tokens, sequences);
    }
    let limited = !matches!(moe.drop, DropPolicyConfig::None(_));
    limited.then(|| {
        let factor = moe.capacity_factor.get();
        routers::capacity(factor, tokens, k, moe.experts.get())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_of_capacity_has_the_room_that_the_layer_gives() {
        let capacity = |text: &str| {
            let text = format!("train = {{ batch = 16, sequence = 64 }}\n{text}");
            capacity(&toml::from_str(&text).expect("settings"))
        };
        // ceil(1.25 * 1024 * 2 / 8) = 320, and never above 1,024.
        assert_eq!(capacity(""), Some(320));
        for factor in ["4.0", "1e7", "1e17", "1e300"] {
            let text = format!("moe.capacity-factor = {factor}");
            assert_eq!(capacity(&text), Some(1024), "{factor}");
        }
        let choice = "moe.capacity-factor = 1e300\nrouter.strategy = 'expert-choice'";
        assert_eq!(capacity(choice), Some(1024));
        assert_eq!(capacity("moe.drop = 'none'"), None);
        assert_eq!(
            capacity("model.tiny-moe = { layers = 2, k-by-layer = [1, 3] }"),
            None
        );
    }
}
