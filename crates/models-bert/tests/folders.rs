//! Every spelling of a folder gives the same model.

mod common;

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor, bf16, f16},
};
use common::{
    ALL_HEADS, Folder, Raw, Tensors, f32s, random_tensors, serialised, small_config, values,
};
use kernels::Precision;
use models_bert::{Bert, BertConfig, BertHeads, BertInput};
use safetensors::Dtype;
use testkit::{Goldens, assets, read_safetensors};

fn load(folder: &Folder) -> Bert {
    Bert::load(folder.path(), &Device::flex()).expect("a model")
}

/// Everything that a model computes, to the bit.
fn outputs(bert: &Bert) -> Vec<f32> {
    let device = Device::flex();
    let ids_bs = Tensor::<2, Int>::from_ints([[1, 2, 3, 10], [4, 5, 0, 0]], &device);
    let mask_bs = ids_bs.clone().not_equal_elem(0);
    let out = bert
        .forward(&BertInput::new(ids_bs, mask_bs))
        .expect("a pass");
    let precision = Precision::F32;
    let pooled = bert.pooled(out.last(), precision).expect("a pooler");
    let logits = bert
        .masked_lm_logits(out.last(), precision)
        .expect("a head");
    let next = bert.next_sentence_logits(pooled.clone(), precision);
    let numbers = |data: burn::tensor::TensorData| data.iter::<f32>().collect::<Vec<_>>();
    let mut all: Vec<f32> = out
        .hidden
        .into_iter()
        .flat_map(|hidden| numbers(hidden.into_data()))
        .collect();
    all.extend(numbers(pooled.into_data()));
    all.extend(numbers(logits.into_data()));
    all.extend(numbers(next.expect("a head").into_data()));
    assert!(all.iter().all(|value| value.is_finite()));
    all
}

fn renamed(tensors: &Tensors, name: impl Fn(&str) -> String) -> Tensors {
    let rename = |(old, raw): (&String, &Raw)| (name(old), raw.clone());
    tensors.iter().map(rename).collect()
}

fn prefixed(name: &str) -> String {
    if name.starts_with("cls.") {
        name.to_owned()
    } else {
        format!("bert.{name}")
    }
}

fn legacy(name: &str) -> String {
    let old = name.replace("LayerNorm.weight", "LayerNorm.gamma");
    prefixed(&old.replace("LayerNorm.bias", "LayerNorm.beta"))
}

#[test]
fn prefixes_old_names_positions_and_copies_change_nothing() {
    let config = small_config();
    let tensors = random_tensors(&config, ALL_HEADS, 1);
    let plain = load(&Folder::with(&config, &tensors));
    let expected = outputs(&plain);
    assert_eq!(plain.heads(), ALL_HEADS);
    assert_eq!(plain.num_params(), config.num_params(ALL_HEADS));
    let other = load(&Folder::with(
        &config,
        &random_tensors(&config, ALL_HEADS, 2),
    ));
    assert_ne!(outputs(&other), expected, "other weights are another model");

    let mut decorated = renamed(&tensors, legacy);
    let positions = (0..6i64).flat_map(i64::to_le_bytes).collect();
    let name = "bert.embeddings.position_ids".to_owned();
    decorated.insert(name, (Dtype::I64, vec![1, 6], positions));
    let words = tensors["embeddings.word_embeddings.weight"].clone();
    decorated.insert("cls.predictions.decoder.weight".to_owned(), words);
    let bias = tensors["cls.predictions.bias"].clone();
    decorated.insert("cls.predictions.decoder.bias".to_owned(), bias);
    let mut moved = decorated.clone();
    moved.remove("cls.predictions.bias");
    for spelling in [renamed(&tensors, prefixed), decorated, moved] {
        assert_eq!(outputs(&load(&Folder::with(&config, &spelling))), expected);
    }
}

#[test]
fn shards_are_one_model() {
    let config = small_config();
    let tensors = random_tensors(&config, ALL_HEADS, 1);
    let expected = outputs(&load(&Folder::with(&config, &tensors)));
    let folder = Folder::new(&config);
    let mut places = Vec::new();
    for shard in 0..3 {
        let file = format!("model-0000{}-of-00003.safetensors", shard + 1);
        let part = tensors.iter().enumerate().filter(|(at, _)| at % 3 == shard);
        let part: Tensors = part
            .map(|(_, (name, raw))| (prefixed(name), raw.clone()))
            .collect();
        places.extend(part.keys().map(|name| format!("\"{name}\": \"{file}\"")));
        folder.write(&file, &serialised(&part));
    }
    let index = format!(
        "{{\"metadata\": {{\"total_size\": 1}}, \"weight_map\": {{{}}}}}",
        places.join(", ")
    );
    folder.write("model.safetensors.index.json", index.as_bytes());
    assert_eq!(outputs(&load(&folder)), expected);
}

#[test]
fn half_precision_is_widened() {
    // The random weights are exact in both types.
    let config = small_config();
    let tensors = random_tensors(&config, ALL_HEADS, 1);
    let expected = outputs(&load(&Folder::with(&config, &tensors)));
    let halved = |dtype, half: fn(f32) -> [u8; 2]| -> Tensors {
        let convert = |(name, raw): (&String, &Raw)| {
            let bytes = values(raw).into_iter().flat_map(half).collect();
            (name.clone(), (dtype, raw.1.clone(), bytes))
        };
        tensors.iter().map(convert).collect()
    };
    for tensors in [
        halved(Dtype::F16, |value| f16::from_f32(value).to_le_bytes()),
        halved(Dtype::BF16, |value| bf16::from_f32(value).to_le_bytes()),
    ] {
        assert_eq!(outputs(&load(&Folder::with(&config, &tensors))), expected);
    }
}

#[test]
fn heads_that_are_not_there_are_none() {
    let config = small_config();
    let heads = BertHeads::default();
    let bert = load(&Folder::with(&config, &random_tensors(&config, heads, 1)));
    assert_eq!(bert.heads(), heads);
    assert_eq!(bert.num_params(), config.num_params(heads));
    let device = Device::flex();
    let last = Tensor::<3>::zeros([1, 2, 8], &device);
    assert!(bert.pooled(last.clone(), Precision::F32).is_none());
    assert!(bert.masked_lm_logits(last, Precision::F32).is_none());
    let pooled = Tensor::<2>::zeros([1, 8], &device);
    assert!(bert.next_sentence_logits(pooled, Precision::F32).is_none());
}

#[test]
fn the_first_tap_is_the_normalised_sum_of_three_rows() {
    let mut config = small_config();
    (config.hidden_size, config.num_attention_heads) = (2, 1);
    (config.num_hidden_layers, config.intermediate_size) = (1, 2);
    let mut tensors = random_tensors(&config, BertHeads::default(), 1);
    let mut set = |name: &str, shape: &[usize], values: &[f32]| {
        tensors.insert(format!("embeddings.{name}"), f32s(shape, values));
    };
    let row = |table: &mut [f32], at: usize, values: [f32; 2]| {
        table[2 * at..2 * at + 2].copy_from_slice(&values);
    };
    let (mut words, mut positions) = ([0.0; 22], [0.0; 12]);
    row(&mut words, 7, [1.0, 2.0]);
    row(&mut positions, 0, [2.0, -4.0]);
    row(&mut positions, 1, [0.0, 3.0]);
    set("word_embeddings.weight", &[11, 2], &words);
    set("position_embeddings.weight", &[6, 2], &positions);
    set(
        "token_type_embeddings.weight",
        &[2, 2],
        &[1.0, 0.0, 9.0, 0.0],
    );
    set("LayerNorm.weight", &[2], &[3.0, 5.0]);
    set("LayerNorm.bias", &[2], &[0.5, 0.0]);
    let bert = load(&Folder::with(&config, &tensors));
    let device = Device::flex();
    let ids_bs = Tensor::<2, Int>::from_ints([[7, 7]], &device);
    let mask_bs = ids_bs.clone().equal_elem(7);
    let first = bert.hidden_states(ids_bs, mask_bs, 0).expect("a tap");
    // [1 + 2 + 1, 2 - 4 + 0] = [4, -2] is [1, -1] normalised, so [3.5, -5]; at the second place
    // [1 + 0 + 1, 2 + 3 + 0] = [2, 5] is [-1, 1], so [-2.5, 5].
    let expected = Tensor::from_floats([[[3.5f32, -5.0], [-2.5, 5.0]]], &device);
    testkit::assert_close(first, expected, testkit::F32_SUM);
}

#[test]
fn the_real_files_have_the_parameters_that_their_configuration_counts() {
    let Some(assets) = assets("the_real_files_have_the_parameters_that_their_configuration_counts")
    else {
        return;
    };
    for (folder, file) in [
        ("models/all-MiniLM-L6-v2", "model.safetensors"),
        ("golden/tiny_bert", "model.safetensors"),
    ] {
        let folder = assets.join(folder);
        let bert = Bert::load(&folder, &Device::flex()).expect("a model");
        let config = BertConfig::read(&folder).expect("a configuration");
        let stored: Goldens = read_safetensors(folder.join(file));
        let tensors = config.layout(bert.heads());
        let named = |name: &str| stored.contains(name) || stored.contains(&format!("bert.{name}"));
        assert!(tensors.iter().all(|entry| named(&entry.name)));
        assert_eq!(bert.num_params(), config.num_params(bert.heads()));
    }
}
