//! Texts to rows, with a vocabulary small enough to number by hand.

use std::fs;

use corpora::{CorpusError, SentenceTokenizer};

/// BERT's rules over eleven words. It asks for padding to 64, which the call decides instead.
const TOKENIZER: &str = r###"{
  "version": "1.0",
  "truncation": null,
  "padding": {
    "strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": null,
    "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"
  },
  "added_tokens": [],
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
      "[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "un": 4, "##aff": 5, "##able": 6,
      "cafe": 7, "!": 8, "unaff": 9, "a": 10
    }
  }
}"###;

fn written(json: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tokenizer.json"), json).unwrap();
    folder
}

#[test]
fn rows_are_marked_padded_and_cut() {
    let folder = written(TOKENIZER);
    let texts = ["Café unaffable!", "a xyz", "a a a a a a a a"];
    for place in [folder.path(), &folder.path().join("tokenizer.json")] {
        let tokenizer = SentenceTokenizer::read(place).unwrap();
        let batch = tokenizer.encode(&texts, 7).unwrap();
        // The longest piece first: `unaff` and not `un`; a word with no pieces is [UNK]; eight
        // words lose three and keep the mark at their end.
        let rows = [
            [2, 7, 9, 6, 8, 3, 0],
            [2, 10, 1, 3, 0, 0, 0],
            [2, 10, 10, 10, 10, 10, 3],
        ];
        assert_eq!(batch.ids, rows.as_flattened());
        let real: Vec<usize> = batch
            .mask
            .chunks(7)
            .map(|row| row.iter().take_while(|real| **real).count())
            .collect();
        assert_eq!(real, [6, 4, 7]);
        let reals = batch.mask.iter().filter(|real| **real).count();
        assert_eq!(reals, 6 + 4 + 7);
        assert_eq!((batch.batch, batch.sequence), (3, 7));
    }
}

#[test]
fn the_smallest_row_has_room_for_one_word() {
    let folder = written(TOKENIZER);
    let tokenizer = SentenceTokenizer::read(folder.path()).unwrap();
    assert_eq!(tokenizer.encode(&["a !"], 3).unwrap().ids, [2, 10, 3]);
    for sequence in [0, 2] {
        let message = tokenizer.encode(&["a"], sequence).unwrap_err().to_string();
        assert!(message.contains("at least 3"), "{message}");
    }
    let nothing: [&str; 0] = [];
    assert!(tokenizer.encode(&nothing, 3).unwrap().ids.is_empty());
}

#[test]
fn a_folder_without_a_usable_tokenizer_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let refused = || SentenceTokenizer::read(folder.path()).unwrap_err();
    let error = refused();
    assert!(error.is_missing());
    assert!(
        matches!(error, CorpusError::MissingTokenizer { .. }),
        "{error}"
    );
    let message = error.to_string();
    let place = folder.path().join("tokenizer.json");
    assert!(message.contains(&place.display().to_string()), "{message}");
    assert!(message.contains("copy the tokenizer.json"), "{message}");

    let unpadded = TOKENIZER.replace("[PAD]\": 0", "[NONE]\": 0");
    for (json, word) in [("{", "EOF"), (unpadded.as_str(), "[PAD]")] {
        fs::write(&place, json).unwrap();
        let error = refused();
        assert!(matches!(error, CorpusError::Tokenizer { .. }), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}
