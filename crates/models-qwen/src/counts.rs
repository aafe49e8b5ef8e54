//! What a model that is yet to be read is made of: its maps by name, and its parameters.

use lm::LmSizes;
use moe_layer::MoeLayer;
use nn::{LinearDims, MapSizes, RmsNorm};
use routers::RouterConfig;

use crate::{
    Qwen2MoeConfig,
    layout::{LAYER, expert_names},
};

impl Qwen2MoeConfig {
    /// How many of its layers have a mixture.
    #[must_use]
    pub fn num_mixtures(&self) -> usize {
        let layers = 0..self.num_hidden_layers;
        layers.filter(|layer| self.has_experts(*layer)).count()
    }

    /// The maps that the model has by name with these routers, as [`NamedMaps`](nn::NamedMaps) gives those of one that
    /// was read.
    #[must_use]
    pub fn map_sizes(&self, router: &RouterConfig) -> Vec<MapSizes> {
        let mut maps = Vec::new();
        for layer in 0..self.num_hidden_layers {
            self.maps_of_layer(layer, router, &mut maps);
        }
        if !self.tie_word_embeddings {
            let head = LinearDims::without_bias(self.hidden_size, self.vocab_size);
            maps.push(MapSizes::one("lm_head", head));
        }
        maps
    }

    fn maps_of_layer(&self, layer: usize, router: &RouterConfig, maps: &mut Vec<MapSizes>) {
        let name = format!("{LAYER}{layer}");
        let attention = ["q", "k", "v", "o"]
            .into_iter()
            .zip(self.attention().maps());
        maps.extend(
            attention
                .map(|(part, dims)| MapSizes::one(format!("{name}.self_attn.{part}_proj"), dims)),
        );
        let width = self.hidden_size;
        let network = |hidden| {
            let up = LinearDims::without_bias(width, hidden);
            let down = LinearDims::without_bias(hidden, width);
            [("gate", up), ("up", up), ("down", down)]
        };
        let mlp = format!("{name}.mlp");
        let part = |name: &str, part: &str| format!("{name}.{part}_proj");
        if !self.has_experts(layer) {
            let own = network(self.intermediate_size);
            maps.extend(own.map(|(of, dims)| MapSizes::one(part(&mlp, of), dims)));
            return;
        }
        let shared = format!("{mlp}.shared_expert");
        let own = network(self.moe_intermediate_size)
            .map(|(of, dims)| MapSizes::experts(expert_names(self.num_experts, &mlp, of), dims));
        let beside = network(self.shared_expert_intermediate_size)
            .map(|(of, dims)| MapSizes::one(part(&shared, of), dims));
        // What reads the hidden state comes before what reads the hidden layer.
        let ([gate, up, down], [own_gate, own_up, own_down]) = (own, beside);
        maps.extend([gate, up, own_gate, own_up, down, own_down]);
        let dims = MoeLayer::router_dims(&self.moe(), &self.layer());
        let scorer = router.scorer.named_map(&dims);
        let scores = router.strategy.rules().facts().needs_scores;
        maps.extend(
            scorer
                .filter(|_| scores)
                .map(|(end, dims)| MapSizes::one(format!("{mlp}.gate{end}"), dims)),
        );
        let gate = LinearDims::without_bias(width, 1);
        maps.push(MapSizes::one(format!("{mlp}.shared_expert_gate"), gate));
    }

    /// Its parameters with these routers, those that one token of a text of `sequence` tokens meets, and those of the
    /// routers.
    #[must_use]
    pub fn sizes(&self, router: &RouterConfig, sequence: usize) -> LmSizes {
        let width = self.hidden_size;
        let table = width * self.vocab_size;
        let head = if self.tie_word_embeddings { 0 } else { table };
        // Where the head is the embedding, a token meets all of it.
        let row = if self.tie_word_embeddings { 0 } else { width };
        let norm = RmsNorm::num_params(width);
        let mut sizes = LmSizes {
            total: table + head + norm,
            active: row + table + norm,
            router: 0,
        };
        let around = self.attention().num_params() + 2 * norm;
        for layer in 0..self.num_hidden_layers {
            let (total, active, own) = if self.has_experts(layer) {
                let mixture = MoeLayer::sizes(&self.moe(), router, width, sequence);
                (mixture.total, mixture.active, mixture.router)
            } else {
                let dense = 3 * width * self.intermediate_size;
                (dense, dense, 0)
            };
            sizes.total += around + total;
            sizes.active += around + active;
            sizes.router += own;
        }
        sizes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Forge, Preset};

    #[test]
    fn qwens_own_has_the_parameters_that_its_name_says() {
        let forge = Forge {
            preset: Preset::A27b,
            layers: None,
            int4: true,
            seed: 0,
        };
        let config: Qwen2MoeConfig =
            serde_json::from_value(forge.config()).expect("a configuration");
        let sizes = config.sizes(&config.router(), 256);
        assert_eq!(sizes.total, 14_315_784_192);
        // Of the embedding a token meets one row.
        assert_eq!(sizes.active, 2_378_008_576 + 2048);
        assert_eq!(sizes.router, 24 * 60 * 2048);
        assert_eq!(config.num_mixtures(), 24);
    }
}
