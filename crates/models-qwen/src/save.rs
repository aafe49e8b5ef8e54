//! Parameters back to a file that `transformers` reads.

use std::{collections::BTreeSet, path::Path};

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::Tensor,
};
use weights::{Entry, Layout, WeightsError, Writer};

use crate::{
    Qwen2Moe, Qwen2MoeConfig,
    layout::{EMBEDDING, HEAD, LAYER},
};

/// What parts of a layer are called here, and there.
const PARTS: [(&str, &str); 11] = [
    ("attention_norm.gamma", "input_layernorm.weight"),
    ("ffn_norm.gamma", "post_attention_layernorm.weight"),
    ("attention.query.", "self_attn.q_proj."),
    ("attention.key.", "self_attn.k_proj."),
    ("attention.value.", "self_attn.v_proj."),
    ("attention.output.", "self_attn.o_proj."),
    ("ffn.Mixture.router.scorer.Linear.map.", "mlp.gate."),
    ("ffn.Mixture.shared.gate.", "mlp.shared_expert_gate."),
    ("ffn.Mixture.shared.ffn.", "mlp.shared_expert."),
    ("ffn.Mixture.experts.", "mlp.experts.{}."),
    ("ffn.Dense.", "mlp."),
];

impl Qwen2Moe {
    /// Writes all parameters to a file, in the layout that [`load`](Self::load) and `transformers` read,
    /// each in its own type. The configuration and the tokenizer belong beside it.
    ///
    /// # Errors
    ///
    /// When the file cannot be written, and for a model whose parameters are not those of the layout: one
    /// with another router has some that it has no place for, or lacks that of the router, and maps in four
    /// bits are not written.
    pub fn save_weights(&self, path: &Path) -> Result<(), WeightsError> {
        let mut named = Named::default();
        self.visit(&mut named);
        let layout = self.config().map(Qwen2MoeConfig::layout);
        let lacking = |entry: &&Entry| !named.names.contains(&entry.name);
        let lacking = layout.iter().flat_map(Layout::iter).find(lacking);
        let problem = match (named.placeless, lacking) {
            (None, None) if layout.is_some() => return named.writer.write(path),
            (None, None) => {
                "a model from scratch has no configuration of `transformers`".to_owned()
            }
            (Some(own), _) if own.contains(".delta.") => format!(
                "`{own}` is of an adapter, which has files of its own; merge it, or write it by itself"
            ),
            (Some(own), _) => format!("a Qwen2-MoE of `transformers` has no place for `{own}`"),
            (None, Some(entry)) => format!(
                "a Qwen2-MoE of `transformers` has `{}`, which this model lacks or has in four bits; maps in \
                 four bits are not written: copy the files that they were read from",
                entry.name
            ),
        };
        Err(WeightsError::Write {
            path: path.to_owned(),
            problem,
        })
    }
}

/// The parameters under their names in a file.
#[derive(Default)]
struct Named {
    writer: Writer,
    names: BTreeSet<String>,
    path: Vec<String>,
    /// The first without a name.
    placeless: Option<String>,
}

impl ModuleVisitor for Named {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join(".");
        let Some(name) = stored_name(&path) else {
            self.placeless.get_or_insert(path);
            return;
        };
        let tensor = param.val();
        match D {
            // Of each expert by itself.
            3 => {
                for expert in 0..tensor.dims()[0] {
                    let one = tensor.clone().narrow(0, expert, 1).squeeze_dim::<2>(0);
                    let name = name.replace("{}", &expert.to_string());
                    self.put(name, one.transpose());
                }
            }
            // Matrices are kept turned.
            2 if name != EMBEDDING => self.put(name, tensor.transpose()),
            _ => self.put(name, tensor),
        }
    }
}

impl Named {
    fn put<const D: usize>(&mut self, name: String, tensor: Tensor<D>) {
        self.writer.tensor(name.clone(), tensor);
        self.names.insert(name);
    }
}

/// The name in a file of a parameter, with `{}` for the number of an expert.
fn stored_name(path: &str) -> Option<String> {
    if path.contains(".delta.") || path.contains(".adapters.") {
        return None;
    }
    let outside = [
        ("tokens_vd", EMBEDDING),
        ("norm.gamma", "model.norm.weight"),
        ("head.weight", HEAD),
    ];
    if let Some((_, name)) = outside.iter().find(|(ours, _)| *ours == path) {
        return Some((*name).to_owned());
    }
    let (layer, part) = path.strip_prefix("blocks.")?.split_once('.')?;
    let (ours, theirs) = PARTS.iter().find(|(ours, _)| part.starts_with(ours))?;
    let rest = &part[ours.len()..];
    // The maps of a network are projections.
    let rest = match rest.split_once('.') {
        Some((map, number)) => format!("{map}_proj.{number}"),
        None => rest.to_owned(),
    };
    Some(format!("{LAYER}{layer}.{theirs}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_the_names_of_files() {
        for (path, name) in [
            ("tokens_vd", Some("model.embed_tokens.weight")),
            ("head.weight", Some("lm_head.weight")),
            (
                "blocks.3.attention_norm.gamma",
                Some("model.layers.3.input_layernorm.weight"),
            ),
            (
                "blocks.0.attention.key.bias",
                Some("model.layers.0.self_attn.k_proj.bias"),
            ),
            (
                "blocks.0.ffn.Mixture.router.scorer.Linear.map.weight",
                Some("model.layers.0.mlp.gate.weight"),
            ),
            (
                "blocks.0.ffn.Mixture.experts.up.weight",
                Some("model.layers.0.mlp.experts.{}.up_proj.weight"),
            ),
            (
                "blocks.0.ffn.Mixture.shared.ffn.down.weight",
                Some("model.layers.0.mlp.shared_expert.down_proj.weight"),
            ),
            (
                "blocks.12.ffn.Dense.gate.weight",
                Some("model.layers.12.mlp.gate_proj.weight"),
            ),
            ("blocks.0.ffn.Mixture.router.scorer.Mlp.up.weight", None),
            ("blocks.0.attention.key.delta.a", None),
            ("tail.weight", None),
        ] {
            assert_eq!(stored_name(path).as_deref(), name, "{path}");
        }
    }
}
