//! What is no BERT folder is refused with file, place and remedy.

mod common;

use std::fs;

use burn::tensor::{Bool, Device, Int, Tensor};
use common::{ALL_HEADS, Folder, Tensors, f32s, random_tensors, serialised, small_config, values};
use models_bert::{Bert, BertConfig, BertError, BertInput};
use safetensors::Dtype;
use weights::{TensorProblem, WeightsError};

fn refusal(folder: &Folder) -> BertError {
    Bert::load(folder.path(), &Device::flex())
        .map(|_| ())
        .expect_err("a refusal")
}

fn assert_words(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
}

/// The refusal of weights with one change, and its message.
fn changed(change: impl FnOnce(&mut Tensors)) -> (Vec<TensorProblem>, String) {
    let config = small_config();
    let mut tensors = random_tensors(&config, ALL_HEADS, 1);
    change(&mut tensors);
    let error = refusal(&Folder::with(&config, &tensors));
    let message = error.to_string();
    match error {
        BertError::Weights(WeightsError::Tensors { problems, .. }) => (problems, message),
        other => panic!("{other}"),
    }
}

#[test]
fn files_that_are_not_there() {
    let folder = Folder::new(&small_config());
    let error = refusal(&folder);
    assert!(
        matches!(error, BertError::Weights(WeightsError::NoWeights { .. })),
        "{error}"
    );
    assert_words(
        &error.to_string(),
        &["model.safetensors.index.json", "xp data list"],
    );
    fs::remove_file(folder.file("config.json")).expect("removed");
    let error = refusal(&folder);
    assert!(
        matches!(error, BertError::Weights(WeightsError::Read { .. })),
        "{error}"
    );
    assert_words(
        &error.to_string(),
        &["config.json", "a model's folder holds"],
    );
}

#[test]
fn a_truncated_file() {
    let config = small_config();
    let whole = serialised(&random_tensors(&config, ALL_HEADS, 1));
    let folder = Folder::new(&config);
    // In the data, in the header, in its length, before everything.
    for length in [whole.len() - 1, whole.len() / 2, 100, 5, 0] {
        folder.write("model.safetensors", &whole[..length]);
        let error = refusal(&folder);
        assert!(
            matches!(error, BertError::Weights(WeightsError::Damaged { .. })),
            "{length}: {error}"
        );
        let message = error.to_string();
        assert_words(&message, &["model.safetensors", "copy or fetch it again"]);
    }
}

#[test]
fn a_missing_tensor() {
    let name = "encoder.layer.1.output.dense.bias";
    let (problems, message) = changed(|tensors| {
        tensors.remove(name);
    });
    let [
        TensorProblem::Missing {
            tensor, expected, ..
        },
    ] = &problems[..]
    else {
        panic!("{message}")
    };
    assert_eq!((tensor.as_str(), &expected[..]), (name, &[8][..]));
    assert_words(
        &message,
        &[name, "[8]", "model.safetensors", "bert.", "fetch"],
    );
}

#[test]
fn half_of_a_head_is_no_absence() {
    let (problems, message) = changed(|tensors| {
        tensors.remove("pooler.dense.bias");
    });
    assert_eq!(problems.len(), 1);
    assert_words(&message, &["pooler.dense.bias"]);
}

#[test]
fn another_shape() {
    let name = "embeddings.word_embeddings.weight";
    let (problems, message) = changed(|tensors| {
        tensors.insert(name.to_owned(), f32s(&[10, 8], &[0.5; 80]));
    });
    let expected = TensorProblem::Shape {
        file: match &problems[0] {
            TensorProblem::Shape { file, .. } => file.clone(),
            other => panic!("{other}"),
        },
        tensor: name.to_owned(),
        expected: vec![11, 8],
        got: vec![10, 8],
    };
    assert_eq!(problems, [expected]);
    assert_words(&message, &[name, "[10, 8]", "expected [11, 8]"]);
}

#[test]
fn a_tensor_too_many() {
    let (problems, message) = changed(|tensors| {
        tensors.insert("classifier.weight".to_owned(), f32s(&[1, 8], &[0.0; 8]));
    });
    assert!(
        matches!(problems[..], [TensorProblem::Unexpected { .. }]),
        "{message}"
    );
    assert_words(&message, &["classifier.weight", "belongs to no part"]);
}

#[test]
fn integers_and_second_names_and_matrices_that_are_not_tied() {
    let (problems, message) = changed(|tensors| {
        let name = "pooler.dense.bias".to_owned();
        tensors.insert(name, (Dtype::I64, vec![8], vec![0; 64]));
    });
    assert!(
        matches!(problems[..], [TensorProblem::Type { .. }]),
        "{message}"
    );
    assert_words(&message, &["I64", "BF16"]);

    let (problems, message) = changed(|tensors| {
        let name = "bert.embeddings.LayerNorm.gamma".to_owned();
        tensors.insert(name, f32s(&[8], &[1.0; 8]));
    });
    assert!(
        matches!(problems[..], [TensorProblem::Twice { .. }]),
        "{message}"
    );
    assert_words(
        &message,
        &["LayerNorm.gamma", "`embeddings.LayerNorm.weight`"],
    );

    let (problems, message) = changed(|tensors| {
        let name = "cls.predictions.decoder.weight".to_owned();
        tensors.insert(name, f32s(&[11, 8], &[0.0; 88]));
    });
    assert!(
        matches!(problems[..], [TensorProblem::Untied { .. }]),
        "{message}"
    );
    assert_words(&message, &["decoder.weight", "word_embeddings"]);
}

#[test]
fn another_model_is_told_apart_in_a_few_words() {
    // All but one of the 16 tensors of a layer are missing, of which 6 are named.
    let (_, message) = changed(|tensors| {
        let kept = "encoder.layer.1.output.dense.bias";
        tensors.retain(|name, _| !name.starts_with("encoder.layer.1.") || name == kept);
    });
    assert_words(&message, &["encoder.layer.1.", "and 9 more"]);
}

#[test]
fn a_broken_index() {
    let config = small_config();
    let tensors = random_tensors(&config, ALL_HEADS, 1);
    let folder = Folder::new(&config);
    folder.write("a.safetensors", &serialised(&tensors));
    let index = |map: &str| {
        let text = format!("{{\"weight_map\": {{{map}}}}}");
        folder.write("model.safetensors.index.json", text.as_bytes());
        refusal(&folder).to_string()
    };
    let all: Vec<_> = tensors
        .keys()
        .map(|name| format!("\"{name}\": \"a.safetensors\""))
        .collect();
    let message = index(&all[1..].join(","));
    assert_words(&message, &["index.json", "does not place", "a.safetensors"]);
    let extra = "\"more\": \"a.safetensors\"".to_owned();
    let message = index(&[&all[..], &[extra]].concat().join(","));
    assert_words(&message, &["`more`", "which lacks it"]);
    assert_words(&index("\"x\": \"b.safetensors\""), &["b.safetensors"]);
    assert_words(&index("\"x\": \"../a.safetensors\""), &["beside the index"]);
    folder.write("model.safetensors.index.json", b"{}");
    assert_words(&refusal(&folder).to_string(), &["weight_map", "index.json"]);
}

#[test]
fn inputs_that_do_not_fit() {
    let config = small_config();
    let folder = Folder::with(&config, &random_tensors(&config, ALL_HEADS, 1));
    let device = Device::flex();
    let bert = Bert::load(folder.path(), &device).expect("a model");
    let ids = |sequence| Tensor::<2, Int>::zeros([2, sequence], &device);
    let mask = |sequence| -> Tensor<2, Bool> { ids(sequence).equal_elem(0) };
    let refused = |sequence, masked, tap| {
        let result = bert.hidden_states(ids(sequence), mask(masked), tap);
        result.map(|_| ()).expect_err("a refusal").to_string()
    };
    assert_words(&refused(7, 7, 1), &["from 1 to 6 tokens", "got 7"]);
    assert_words(&refused(4, 3, 1), &["the mask", "[2, 4]", "got [2, 3]"]);
    assert_words(&refused(4, 4, 3), &["hidden state 3", "from 0 to 2"]);
    let mut input = BertInput::new(ids(4), mask(4));
    input.types_bs = Some(ids(5));
    let error = bert.forward(&input).map(|_| ()).expect_err("a refusal");
    assert_words(&error.to_string(), &["the types", "got [2, 5]"]);
}

#[test]
fn numbers_that_are_not_finite() {
    let name = "encoder.layer.0.intermediate.dense.weight";
    for (bad, shown) in [(f32::NAN, "NaN"), (f32::NEG_INFINITY, "-inf")] {
        let (problems, message) = changed(|tensors| {
            let mut numbers = values(&tensors[name]);
            numbers[3 * 8 + 5] = bad;
            tensors.insert(name.to_owned(), f32s(&[32, 8], &numbers));
        });
        assert!(
            matches!(problems[..], [TensorProblem::NotFinite { numbers: 1, .. }]),
            "{message}"
        );
        assert_words(&message, &[name, "model.safetensors", shown, "[3, 5]"]);
    }
}

#[test]
fn more_layers_than_the_files_hold() {
    let config = small_config();
    let tensors = random_tensors(&config, ALL_HEADS, 1);
    for layers in [3, 1_000_000, 1_000_000_000] {
        let deep = BertConfig {
            num_hidden_layers: layers,
            ..small_config()
        };
        let error = refusal(&Folder::with(&deep, &tensors));
        assert!(
            matches!(
                error,
                BertError::Weights(WeightsError::Parts { stored: 2, .. })
            ),
            "{error}"
        );
        let said = format!("`num_hidden_layers` = {layers}");
        assert_words(&error.to_string(), &[&said, "hold 2 of `encoder.layer.*`"]);
    }
}

#[test]
fn an_inspection_refuses_what_loading_does() {
    let config = small_config();
    let tensors = random_tensors(&config, ALL_HEADS, 1);
    let folder = Folder::with(&config, &tensors);
    assert_eq!(Bert::inspect(folder.path()).expect("sizes"), config);
    folder.write("model.safetensors", b"damaged");
    let error = Bert::inspect(folder.path()).expect_err("a refusal");
    assert!(
        matches!(error, BertError::Weights(_)) && !error.is_missing(),
        "{error}"
    );
    fs::remove_file(folder.file("model.safetensors")).expect("removed");
    let error = Bert::inspect(folder.path()).expect_err("a refusal");
    assert!(
        matches!(error, BertError::Weights(_)) && error.is_missing(),
        "{error}"
    );
}

#[test]
fn ids_and_types_that_the_model_has_no_row_for() {
    let config = small_config();
    let device = Device::flex();
    let folder = Folder::with(&config, &random_tensors(&config, ALL_HEADS, 1));
    let bert = Bert::load(folder.path(), &device).expect("a model");
    let ids = |id: i32| Tensor::<2, Int>::from_data([[1, id]], &device);
    let mask_bs = Tensor::<2, Bool>::from_data([[true, true]], &device);
    let message = |input: &BertInput| bert.forward(input).expect_err("a refusal").to_string();
    for id in [11, 6240, -1] {
        let said = message(&BertInput::new(ids(id), mask_bs.clone()));
        let got = format!("got {id}");
        assert_words(
            &said,
            &["every token id must be below 11", &got, "tokenizer"],
        );
    }
    let input = BertInput {
        types_bs: Some(ids(2)),
        ..BertInput::new(ids(10), mask_bs.clone())
    };
    assert_words(
        &message(&input),
        &["every segment type must be below 2", "got 2"],
    );
}
