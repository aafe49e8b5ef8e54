//! The tensors of a checkpoint: names and shapes, the one list that loading and counting share.

use weights::Layout;

use crate::{BertConfig, BertHeads};

/// What the names of a layer's tensors begin with, before its number.
pub(crate) const LAYER: &str = "encoder.layer.";

impl BertConfig {
    /// Every tensor of a checkpoint with these heads: its name, without the prefix `bert.` that some
    /// files have, and its shape as stored (matrices are `[out, in]`).
    #[must_use]
    pub fn layout(&self, heads: BertHeads) -> Layout {
        let (width, hidden) = (self.hidden_size, self.intermediate_size);
        let mut list = Layout::new();
        for (table, rows) in [
            ("word", self.vocab_size),
            ("position", self.max_position_embeddings),
            ("token_type", self.type_vocab_size),
        ] {
            list.add(
                format!("embeddings.{table}_embeddings.weight"),
                &[rows, width],
            );
        }
        list.norm("embeddings.LayerNorm", width);
        for layer in 0..self.num_hidden_layers {
            let layer = format!("{LAYER}{layer}");
            for map in ["self.query", "self.key", "self.value", "output.dense"] {
                list.affine(&format!("{layer}.attention.{map}"), width, width);
            }
            list.norm(&format!("{layer}.attention.output.LayerNorm"), width);
            list.affine(&format!("{layer}.intermediate.dense"), width, hidden);
            list.affine(&format!("{layer}.output.dense"), hidden, width);
            list.norm(&format!("{layer}.output.LayerNorm"), width);
        }
        if heads.pooler {
            list.affine("pooler.dense", width, width);
        }
        if heads.masked_lm {
            list.affine("cls.predictions.transform.dense", width, width);
            list.norm("cls.predictions.transform.LayerNorm", width);
            list.add("cls.predictions.bias", &[self.vocab_size]);
        }
        if heads.next_sentence {
            list.affine("cls.seq_relationship", width, 2);
        }
        list
    }

    /// The parameters of a model with these heads, known before it is built.
    #[must_use]
    pub fn num_params(&self, heads: BertHeads) -> usize {
        self.layout(heads).num_params()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bert_base_has_the_published_parameters() {
        // BertModel, BertForMaskedLM and BertForPreTraining of the reference implementation.
        let base = BertConfig::default();
        let heads = |pooler, masked_lm, next_sentence| BertHeads {
            pooler,
            masked_lm,
            next_sentence,
        };
        assert_eq!(base.num_params(heads(true, false, false)), 109_482_240);
        assert_eq!(base.num_params(heads(false, true, false)), 109_514_298);
        assert_eq!(base.num_params(heads(true, true, true)), 110_106_428);
    }

    #[test]
    fn bert_base_has_197_tensors_and_two_for_the_pooler() {
        let base = BertConfig::default();
        // Three tables and a norm: 5; 12 layers of six affine maps and two norms: 16 each.
        let bare = base.layout(BertHeads::default());
        assert_eq!(bare.iter().count(), 5 + 12 * 16);
        let find = |name: &str| {
            let found = bare.iter().find(|entry| entry.name == name);
            found.map(|entry| entry.shape.clone())
        };
        let last = "encoder.layer.11.intermediate.dense.weight";
        assert_eq!(find(last), Some(vec![3072, 768]));
        assert_eq!(find("encoder.layer.12.output.dense.bias"), None);
    }
}
