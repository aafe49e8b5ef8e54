//! The tensors of a checkpoint: names and shapes, the one list that loading and counting share.

use weights::Layout;

use crate::Qwen2MoeConfig;

/// What the names of a layer's tensors begin with, before its number.
pub(crate) const LAYER: &str = "model.layers.";

/// The embedding, which may be the head too.
pub(crate) const EMBEDDING: &str = "model.embed_tokens.weight";

/// The head.
pub(crate) const HEAD: &str = "lm_head.weight";

/// Whether a matrix may be packed in four bits: maps may, the head among them, but what is looked up and what
/// decides may not.
pub(crate) fn may_be_packed(name: &str) -> bool {
    let decides = [".mlp.gate", ".mlp.shared_expert_gate"];
    name != "model.embed_tokens" && !decides.iter().any(|end| name.ends_with(end))
}

/// Whether GPTQ packs a matrix: those of the layers that may be.
pub(crate) fn packed_by_gptq(name: &str) -> bool {
    name.starts_with(LAYER) && may_be_packed(name) && name.contains("_proj")
}

/// The names of the maps of all experts of the mixture `<name>`, of one part: gate, up or down.
pub(crate) fn expert_names(experts: usize, name: &str, part: &str) -> Vec<String> {
    let one = |expert| format!("{name}.experts.{expert}.{part}_proj");
    (0..experts).map(one).collect()
}

impl Qwen2MoeConfig {
    /// Every tensor of a checkpoint: its name, and its shape as stored (matrices are `[out, in]`).
    #[must_use]
    pub fn layout(&self) -> Layout {
        let width = self.hidden_size;
        let mut list = Layout::new();
        list.add(EMBEDDING, &[self.vocab_size, width]);
        for layer in 0..self.num_hidden_layers {
            let name = format!("{LAYER}{layer}");
            let [query, key, value, output] = self.attention().maps();
            for (part, map) in [("q", query), ("k", key), ("v", value), ("o", output)] {
                let part = format!("{name}.self_attn.{part}_proj");
                if map.bias {
                    list.affine(&part, map.inputs, map.outputs);
                } else {
                    list.matrix(&part, map.inputs, map.outputs);
                }
            }
            let mut network = |name: &str, hidden: usize| {
                list.matrix(&format!("{name}.gate_proj"), width, hidden);
                list.matrix(&format!("{name}.up_proj"), width, hidden);
                list.matrix(&format!("{name}.down_proj"), hidden, width);
            };
            let mlp = format!("{name}.mlp");
            if self.has_experts(layer) {
                for expert in 0..self.num_experts {
                    network(
                        &format!("{mlp}.experts.{expert}"),
                        self.moe_intermediate_size,
                    );
                }
                network(
                    &format!("{mlp}.shared_expert"),
                    self.shared_expert_intermediate_size,
                );
                list.matrix(&format!("{mlp}.gate"), width, self.num_experts);
                list.matrix(&format!("{mlp}.shared_expert_gate"), width, 1);
            } else {
                network(&mlp, self.intermediate_size);
            }
            for norm in ["input_layernorm", "post_attention_layernorm"] {
                list.add(format!("{name}.{norm}.weight"), &[width]);
            }
        }
        list.add("model.norm.weight", &[width]);
        if !self.tie_word_embeddings {
            list.add(HEAD, &[self.vocab_size, width]);
        }
        list
    }
}
