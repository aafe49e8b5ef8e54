//! `config.json`: the sizes of a model.

use std::path::Path;

use serde::Deserialize;

use crate::BertError;

/// The sizes of a model, as `config.json` names them. What else stands there is not read, but for
/// settings that would change the numbers: those must be what this crate computes.
///
/// The default is bert-base-uncased.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct BertConfig {
    /// V: number of token ids.
    pub vocab_size: usize,
    /// D: width of a hidden state; a multiple of the heads.
    pub hidden_size: usize,
    /// L: number of layers.
    pub num_hidden_layers: usize,
    /// H: attention heads.
    pub num_attention_heads: usize,
    /// F: hidden width of a feed-forward network.
    pub intermediate_size: usize,
    /// The longest sequence.
    pub max_position_embeddings: usize,
    /// Number of segment types.
    #[serde(default = "two")]
    pub type_vocab_size: usize,
    /// What keeps the deviation of a row of equal values above 0.
    #[serde(default = "epsilon")]
    pub layer_norm_eps: f64,
    /// The activation: only `gelu`, the exact one.
    #[serde(default = "gelu")]
    pub hidden_act: String,
    /// What sort of model it is: only `bert`.
    #[serde(default = "bert")]
    pub model_type: String,
    /// How positions enter: only `absolute`.
    #[serde(default = "absolute")]
    pub position_embedding_type: String,
    /// Whether later tokens are hidden: only `false`.
    #[serde(default)]
    pub is_decoder: bool,
}

fn two() -> usize {
    2
}

fn epsilon() -> f64 {
    1e-12
}

fn gelu() -> String {
    "gelu".to_owned()
}

fn bert() -> String {
    "bert".to_owned()
}

fn absolute() -> String {
    "absolute".to_owned()
}

impl Default for BertConfig {
    fn default() -> Self {
        Self {
            vocab_size: 30_522,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            max_position_embeddings: 512,
            type_vocab_size: two(),
            layer_norm_eps: epsilon(),
            hidden_act: gelu(),
            model_type: bert(),
            position_embedding_type: absolute(),
            is_decoder: false,
        }
    }
}

/// What a checkpoint may have above the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BertHeads {
    /// The affine map and tanh over the first token.
    pub pooler: bool,
    /// Logits of token ids; their matrix is that of the word embedding.
    pub masked_lm: bool,
    /// Two logits from the pooled state: whether the second sentence follows the first.
    pub next_sentence: bool,
}

impl BertConfig {
    /// Reads the `config.json` of a folder.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is not JSON of this shape, or asks for what this crate does not
    /// compute.
    pub fn read(folder: &Path) -> Result<Self, BertError> {
        Ok(weights::read_config(
            folder,
            "a BERT encoder",
            Self::problem,
        )?)
    }

    /// Checks that a model of these sizes has a row for each of `tokens` token ids, those of the
    /// tokenizer in `folder`. It may have more.
    ///
    /// # Errors
    ///
    /// When it has fewer.
    pub fn check_vocabulary(&self, folder: &Path, tokens: usize) -> Result<(), BertError> {
        Ok(weights::check_vocabulary(folder, tokens, self.vocab_size)?)
    }

    /// Checks that a model of these sizes has a hidden state at `tap`.
    ///
    /// # Errors
    ///
    /// When it has fewer layers.
    pub fn check_tap(&self, tap: usize) -> Result<(), BertError> {
        let layers = self.num_hidden_layers;
        if tap <= layers {
            return Ok(());
        }
        Err(BertError::Layer {
            what: "hidden state",
            layer: tap,
            layers,
            most: layers,
        })
    }

    /// Checks that a model of these sizes has a feed-forward network in `layer`, from 0.
    ///
    /// # Errors
    ///
    /// When it has fewer layers.
    pub fn check_network(&self, layer: usize) -> Result<(), BertError> {
        let layers = self.num_hidden_layers;
        if layer < layers {
            return Ok(());
        }
        Err(BertError::Layer {
            what: "feed-forward network",
            layer,
            layers,
            most: layers - 1,
        })
    }

    /// Checks that a model of these sizes has a place for every token of a sequence.
    ///
    /// # Errors
    ///
    /// When the sequence is empty or longer.
    pub fn check_sequence(&self, sequence: usize) -> Result<(), BertError> {
        let most = self.max_position_embeddings;
        if (1..=most).contains(&sequence) {
            return Ok(());
        }
        Err(BertError::Input {
            problem: format!(
                "a sequence must have from 1 to {most} tokens, as many as the model has positions, \
                 got {sequence}; cut it when it is encoded"
            ),
        })
    }

    /// What is wrong with the settings, if anything.
    fn problem(&self) -> Option<String> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Some(format!("`{name}` must be at least 1, got 0"));
        }
        let (width, heads) = (self.hidden_size, self.num_attention_heads);
        if width % heads != 0 {
            return Some(format!(
                "`hidden_size` must be a multiple of `num_attention_heads`, got {width} with \
                 {heads} heads"
            ));
        }
        let epsilon = self.layer_norm_eps;
        if !(epsilon.is_finite() && epsilon > 0.0) {
            return Some(format!(
                "`layer_norm_eps` must be greater than 0, got {epsilon}"
            ));
        }
        let words = [
            ("model_type", &self.model_type, "bert"),
            ("hidden_act", &self.hidden_act, "gelu"),
            (
                "position_embedding_type",
                &self.position_embedding_type,
                "absolute",
            ),
        ];
        if let Some((name, got, known)) = words.iter().find(|(_, got, known)| got != known) {
            return Some(format!("`{name}` must be `{known}`, got `{got}`"));
        }
        self.is_decoder
            .then(|| "`is_decoder` must be false: the model is an encoder".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FILE: &str = "config.json";

    const SMALL: &str = r#""vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 40"#;

    fn read(text: &str) -> Result<BertConfig, BertError> {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(FILE), text).expect("written");
        BertConfig::read(folder.path())
    }

    #[test]
    fn settings_that_change_nothing_are_passed_over() {
        let config = read(&format!(
            "{{{SMALL}, \"use_cache\": true, \"bos_token_id\": null}}"
        ))
        .expect("a configuration");
        let expected = BertConfig {
            vocab_size: 100,
            hidden_size: 32,
            num_hidden_layers: 2,
            num_attention_heads: 4,
            intermediate_size: 64,
            max_position_embeddings: 40,
            ..BertConfig::default()
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn settings_that_change_the_numbers_are_refused_by_name() {
        for (extra, words) in [
            (r#""hidden_act": "gelu_new""#, ["hidden_act", "gelu_new"]),
            (r#""model_type": "roberta""#, ["model_type", "roberta"]),
            (
                r#""position_embedding_type": "relative_key""#,
                ["position_embedding_type", "relative_key"],
            ),
            (r#""is_decoder": true"#, ["is_decoder", "encoder"]),
            (r#""layer_norm_eps": 0"#, ["layer_norm_eps", "0"]),
            (r#""type_vocab_size": 0"#, ["type_vocab_size", "at least 1"]),
        ] {
            let message = read(&format!("{{{SMALL}, {extra}}}"))
                .expect_err(extra)
                .to_string();
            for word in words.into_iter().chain([FILE]) {
                assert!(message.contains(word), "{message}");
            }
        }
        let odd = SMALL.replace("\"num_attention_heads\": 4", "\"num_attention_heads\": 5");
        let message = read(&format!("{{{odd}}}")).expect_err("5").to_string();
        assert!(message.contains("32 with 5 heads"), "{message}");
        let message = read("{\"vocab_size\": 3}").expect_err("few").to_string();
        assert!(message.contains("hidden_size"), "{message}");
    }
}
