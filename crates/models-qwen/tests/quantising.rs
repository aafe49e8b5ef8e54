//! A folder in four bits from one in full: the trained model, against rounding to the nearest numbers and
//! against AutoGPTQ; and random ones, begun, left and begun again.

#![expect(clippy::print_stdout, reason = "figures to read with --show-output")]

mod common;

use std::{collections::BTreeMap, fs, path::Path};

use burn::tensor::{Device, Tensor, f16};
use corpora::{PretrainedTokenizer, WindowBatch, valid_windows};
use kernels::Precision;
use lm::{TokenBatch, kl_divergence, read_windows};
use models_qwen::{Quantise, QuantiseError, Qwen2Moe};
use quant_gptq::{GptqConfig, MapReport, Rounding};
use safetensors::Dtype;
use serde_json::Value;
use testkit::{Tolerance, assert_close, assets};
use weights::Kept;

use common::{Folder, Raw, config, parsed, random_tensors, tensors_of};

/// Tokens of a window, and windows that are read together.
const SEQUENCE: usize = 256;
const TOGETHER: usize = 8;

/// So many windows, spread over a text.
fn windows(model: &Path, text: &Path, count: usize) -> Vec<TokenBatch> {
    let tokenizer = PretrainedTokenizer::read(&model.join("tokenizer.json")).expect("a tokenizer");
    let text = fs::read_to_string(text).expect("a text");
    let ids = tokenizer.encode(&text).expect("tokens");
    let windows = valid_windows(&ids, SEQUENCE, TOGETHER, count).expect("long enough");
    let batch = |windows: WindowBatch| TokenBatch {
        inputs: windows.inputs,
        targets: windows.targets,
        counted: None,
        texts: None,
        rows: windows.batch,
        length: windows.sequence,
    };
    windows.map(batch).collect()
}

fn load(folder: &Path) -> Qwen2Moe {
    Qwen2Moe::load(folder, Kept::Stored, &Device::flex()).expect("a model")
}

fn logits(model: &Qwen2Moe, text: &TokenBatch) -> Tensor<2> {
    let read = read_windows(model, text, Precision::F32).expect("read");
    read.0.logits
}

/// The mean divergence of a model's predictions from the full one's.
fn divergence(full: &Qwen2Moe, other: &Qwen2Moe, texts: &[TokenBatch]) -> f64 {
    let sums = texts.iter().map(|text| {
        let apart = kl_divergence(logits(full, text), logits(other, text));
        f64::from(apart.sum().into_scalar::<f32>())
    });
    let tokens: usize = texts.iter().map(|text| text.targets.len()).sum();
    sums.sum::<f64>() / tokens as f64
}

fn quantised(
    from: &Path,
    to: &Path,
    config: &GptqConfig,
    texts: &[TokenBatch],
) -> Result<Vec<MapReport>, QuantiseError> {
    let quantise = Quantise {
        from,
        to,
        config,
        texts,
        device: &Device::flex(),
    };
    let mut told = Vec::new();
    let maps = quantise.run(|map| told.push(map.clone()))?;
    assert_eq!(told, maps, "each is told of once");
    assert_eq!(
        maps.len(),
        quantise.maps().expect("maps"),
        "and there are no others"
    );
    Ok(maps)
}

#[test]
fn the_trained_model_loses_less_than_by_rounding_and_no_more_than_by_autogptq() {
    let name = "the_trained_model_loses_less_than_by_rounding_and_no_more_than_by_autogptq";
    let Some(assets) = assets(name) else {
        return;
    };
    let full_folder = assets.join("models/tiny_qwen2_moe/fp32");
    let texts = assets.join("datasets/tinystories");
    let calibration = windows(&full_folder, &texts.join("train.txt"), 128);
    let held = windows(&full_folder, &texts.join("valid.txt"), 40);
    let [own, nearest] = [Rounding::Gptq, Rounding::Nearest].map(|rounding| {
        let folder = tempfile::tempdir().expect("a folder");
        let config = GptqConfig {
            rounding,
            ..GptqConfig::default()
        };
        let maps = quantised(&full_folder, folder.path(), &config, &calibration).expect(name);
        (folder, maps)
    });
    let (mut error, mut nearest_error) = (0.0, 0.0);
    for map in &own.1 {
        error += map.error;
        nearest_error += map.nearest_error;
        if map.rounding == Rounding::Gptq {
            assert!(map.error < map.nearest_error, "{map:?}");
        }
    }
    println!("errors of outputs: {error:.4} and {nearest_error:.4}");
    assert!(error <= 0.85 * nearest_error, "{error} and {nearest_error}");

    let full = load(&full_folder);
    let autogptq = assets.join("models/tiny_qwen2_moe/gptq_int4_g128");
    let [own, nearest, autogptq] = [own.0.path(), nearest.0.path(), &autogptq]
        .map(|folder| divergence(&full, &load(folder), &held));
    println!("nats from the full model: {own:.6}, rounded {nearest:.6}, AutoGPTQ {autogptq:.6}");
    assert!(own < nearest, "{own} and {nearest}");
    assert!(own <= 1.05 * autogptq, "{own} and {autogptq}");
}

/// Sizes of which eight share a word, in two layers, one of them without experts.
fn small() -> Folder {
    let mut config = config(48, 16, 4, 24);
    config["num_hidden_layers"] = 2.into();
    config["mlp_only_layers"] = vec![1].into();
    let tensors = random_tensors(&parsed(&config), 7);
    Folder::with(&config, &tensors)
}

fn texts() -> Vec<TokenBatch> {
    let ids = |from: u32| (0..24).map(|place| (place * 7 + from) % 48).collect();
    let text = |from| TokenBatch {
        inputs: ids(from),
        targets: ids(from + 1),
        counted: None,
        texts: None,
        rows: 3,
        length: 8,
    };
    vec![text(1), text(20)]
}

fn settings() -> GptqConfig {
    GptqConfig {
        group_size: 8.try_into().expect("above 0"),
        act_order: true,
        symmetric: false,
        least_tokens: 20,
        ..GptqConfig::default()
    }
}

/// The files of a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("a folder");
    let read = entries.map(|entry| {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        (name, fs::read(path).expect("a file"))
    });
    read.collect()
}

#[test]
fn what_is_written_is_what_was_computed() {
    let (from, to) = (small(), tempfile::tempdir().expect("a folder"));
    let maps = quantised(from.path(), to.path(), &settings(), &texts()).expect("quantised");
    // Four of attention in each layer, three of each expert and of the shared one, three without experts.
    assert_eq!(maps.len(), 4 + 15 + 4 + 3);
    let of = |part: &str| -> Vec<&MapReport> {
        maps.iter().filter(|map| map.map.contains(part)).collect()
    };
    assert!(of("self_attn").iter().all(|map| map.tokens == 48));
    let experts = of("mlp.experts");
    let tokens: usize = experts.iter().map(|map| map.tokens).sum();
    assert_eq!(tokens, 3 * 2 * 48, "two of four experts a token");
    for map in &maps {
        let few = map.map.contains("mlp.experts") && map.tokens < 20;
        assert_eq!(map.rounding == Rounding::Nearest, few, "{map:?}");
    }
    // The words of the files, widened by what the format says and nothing else, are the same model.
    let full = widened(to.path());
    let (packed, full) = (load(to.path()), load(full.path()));
    for text in texts() {
        let apart = Tolerance::new(1e-5, 1e-5);
        assert_close(logits(&packed, &text), logits(&full, &text), apart);
    }
}

/// A folder of the second version in full.
fn widened(folder: &Path) -> Folder {
    let mut tensors = BTreeMap::new();
    for shard in files(folder)
        .keys()
        .filter(|name| name.ends_with(".safetensors"))
    {
        tensors.extend(tensors_of(&folder.join(shard)));
    }
    let maps = tensors
        .keys()
        .filter_map(|name| name.strip_suffix(".qweight"));
    let maps: Vec<String> = maps.map(str::to_owned).collect();
    assert_eq!(maps.len(), 26);
    for map in maps {
        let mut part = |part: &str| tensors.remove(&format!("{map}.{part}")).expect("a part");
        let (levels, zeros, groups) = (part("qweight"), part("qzeros"), part("g_idx"));
        let (_, shape, scales) = part("scales");
        let (inputs, outputs) = (groups.1[0], shape[1]);
        let word = |(_, _, bytes): &Raw, at: usize| {
            u32::from_le_bytes(bytes[4 * at..4 * at + 4].try_into().expect("a word"))
        };
        let number = |input: usize, output: usize| {
            let group = word(&groups, input) as usize;
            let level = word(&levels, input / 8 * outputs + output) >> (4 * (input % 8)) & 15;
            let zero = word(&zeros, (group * outputs + output) / 8) >> (4 * (output % 8)) & 15;
            let at = 2 * (group * outputs + output);
            let scale = f16::from_le_bytes([scales[at], scales[at + 1]]).to_f32();
            scale * (level as f32 - zero as f32)
        };
        let places = (0..outputs).flat_map(|output| (0..inputs).map(move |input| (input, output)));
        let bytes = places.flat_map(|(input, output)| number(input, output).to_le_bytes());
        let raw = (Dtype::F32, vec![outputs, inputs], bytes.collect());
        tensors.insert(format!("{map}.weight"), raw);
    }
    let config = fs::read_to_string(folder.join("config.json")).expect("a file");
    let mut config: Value = serde_json::from_str(&config).expect("JSON");
    config["quantization_config"].take();
    Folder::with(&config, &tensors)
}

#[test]
fn what_was_begun_goes_on_and_ends_as_if_it_had_not_stopped() {
    let from = small();
    let folder = || tempfile::tempdir().expect("a folder");
    let (whole, begun) = (folder(), folder());
    let maps = quantised(from.path(), whole.path(), &settings(), &texts()).expect("quantised");
    // As it is left behind the first layer: no index, and half of a file of the second.
    let mut left = files(whole.path());
    let mut state: Value = serde_json::from_slice(&left["quantised.json"]).expect("JSON");
    state["layers"].as_array_mut().expect("layers").truncate(1);
    left.insert("quantised.json".to_owned(), state.to_string().into_bytes());
    left.get_mut("model-00003-of-00003.safetensors")
        .expect("a file")
        .truncate(100);
    for name in [
        "quantised.json",
        "model-00002-of-00003.safetensors",
        "model-00003-of-00003.safetensors",
    ] {
        fs::write(begun.path().join(name), &left[name]).expect("written");
    }
    let again = quantised(from.path(), begun.path(), &settings(), &texts()).expect("quantised");
    assert_eq!(again, maps);
    assert!(files(begun.path()) == files(whole.path()), "files differ");
}

#[test]
fn what_cannot_be_quantised_is_refused_and_nothing_is_mixed() {
    let from = small();
    let to = tempfile::tempdir().expect("a folder");
    let refused = |from: &Path, settings: &GptqConfig, texts: &[TokenBatch]| {
        let refused = quantised(from, to.path(), settings, texts);
        refused.expect_err("refused").to_string()
    };
    let mut strange = texts();
    strange[1].inputs[5] = 48;
    let message = refused(from.path(), &settings(), &strange);
    assert!(
        message.contains("token 48") && message.contains("has 48"),
        "{message}"
    );
    assert!(files(to.path()).is_empty(), "nothing was begun");

    quantised(from.path(), to.path(), &settings(), &texts()).expect("quantised");
    let before = files(to.path());
    let message = refused(to.path(), &settings(), &texts());
    assert!(message.contains("in four bits already"), "{message}");
    let message = refused(from.path(), &GptqConfig::default(), &texts());
    assert!(message.contains("other settings"), "{message}");
    let message = refused(from.path(), &settings(), &texts()[..1]);
    assert!(message.contains("other settings, text"), "{message}");
    assert!(files(to.path()) == before, "what is there stays");

    let mut odd = config(48, 16, 4, 20);
    odd["num_hidden_layers"] = 1.into();
    let odd = Folder::with(&odd, &random_tensors(&parsed(&odd), 7));
    let message = refused(odd.path(), &settings(), &texts());
    assert!(message.contains("multiples of 8"), "{message}");
}
