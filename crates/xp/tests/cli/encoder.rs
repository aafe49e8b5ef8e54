//! A BERT folder small enough to be made by every test that wants one, or wants a damaged one.

use std::fs;

use models_bert::{BertConfig, BertHeads};

use crate::fixture::Lab;

/// Its eleven words; everything else is [UNK].
pub(crate) const TOKENIZER: &str = r###"{
  "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
  "normalizer": {
    "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
    "strip_accents": null, "lowercase": true
  },
  "pre_tokenizer": {"type": "BertPreTokenizer"},
  "post_processor": {
    "type": "TemplateProcessing",
    "single": [
      {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
      {"Sequence": {"id": "A", "type_id": 0}},
      {"SpecialToken": {"id": "[SEP]", "type_id": 0}}
    ],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {
      "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
      "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}
    }
  },
  "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
  "model": {
    "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100,
    "vocab": {
      "[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "the": 4, "a": 5, "and": 6, "was": 7,
      ".": 8, ",": 9, "they": 10
    }
  }
}"###;

/// Two layers, width 8, 11 ids, 40 places.
pub(crate) fn sizes() -> BertConfig {
    BertConfig {
        vocab_size: 11,
        hidden_size: 8,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        intermediate_size: 16,
        max_position_embeddings: 40,
        ..BertConfig::default()
    }
}

/// Writes `config.json`, `model.safetensors` and `tokenizer.json` where the usual data folder has models. The
/// numbers of a tensor follow from its name and how many they are.
pub(crate) fn write(lab: &Lab, sizes: &BertConfig, numbers: impl Fn(&str, usize) -> Vec<f32>) {
    let folder = lab.path().join("datasets/models/tiny");
    fs::create_dir_all(&folder).unwrap();
    let config = format!(
        r#"{{"model_type": "bert", "vocab_size": {}, "hidden_size": {}, "num_hidden_layers": {},
        "num_attention_heads": {}, "intermediate_size": {}, "max_position_embeddings": {}}}"#,
        sizes.vocab_size,
        sizes.hidden_size,
        sizes.num_hidden_layers,
        sizes.num_attention_heads,
        sizes.intermediate_size,
        sizes.max_position_embeddings,
    );
    fs::write(folder.join("config.json"), config).unwrap();
    fs::write(folder.join("tokenizer.json"), TOKENIZER).unwrap();
    let (mut header, mut data) = (Vec::new(), Vec::new());
    for weights::Entry { name, shape, .. } in sizes.layout(BertHeads::default()).iter() {
        let own = numbers(name, shape.iter().product());
        let start = data.len();
        data.extend(own.iter().flat_map(|number| number.to_le_bytes()));
        header.push(format!(
            r#""{name}": {{"dtype": "F32", "shape": {shape:?}, "data_offsets": [{start}, {}]}}"#,
            data.len()
        ));
    }
    let header = format!("{{{}}}", header.join(", "));
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    fs::write(folder.join("model.safetensors"), file).unwrap();
}

/// Numbers that differ, small and finite.
pub(crate) fn plain(_: &str, count: usize) -> Vec<f32> {
    (0..count)
        .map(|at| ((at * 7 % 13) as f32 - 6.0) / 16.0)
        .collect()
}

/// A sweep that reads it: two scorers with two seeds.
pub(crate) fn sweep(lab: &Lab) -> String {
    lab.file(
        "encoded.toml",
        "name = 'encoded'\nquestion = 'q'\njob = 'router'\nseeds = [1, 2]\n\
         [hidden]\ntokens = 32\nshape = { sequences = 2, length = 16 }\n\
         [hidden.source.bert]\nmodel = 'tiny'\ntap = 2\nsequence = 16\ncorpus = 'tinytales'\n\
         [measure]\nruns = 2\nwarmup = 1\n[moe]\nexperts = 4\ndrop = 'none'\n\
         [router]\nbalancers = []\n[axes]\nscorer = ['linear', 'cosine']\n",
    )
}
