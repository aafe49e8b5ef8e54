//! Adapters beside mixtures to files and back, and files that are wrong.

use std::fs;

use burn::{module::Module, tensor::Device};
use lm::CausalLm;
use peft_lora::{LoraError, PerftConfig, add_perft, load_perft, save_perft};
use safetensors::{SafeTensors, tensor::TensorView};
use serde_json::Value;
use testkit::{assert_same, assets, learned_params};

use crate::{
    common::{FULL, Folder, PACKED, logits, model, names},
    perft::{DIMS, TINY, config, stirred, variants},
    routers::tiny,
};

/// What was trained stands in the files, and in the packed base as in the full one.
#[test]
fn adapters_come_back_as_they_were() {
    let Some(assets) = assets("adapters_come_back_as_they_were") else {
        return;
    };
    let device = Device::flex().autodiff();
    for base in [FULL, PACKED] {
        let base = model(&assets, base, &device);
        for config in variants() {
            let (own, perft) = add_perft(base.clone(), &config, &DIMS).expect("adapters");
            let own = stirred(own, &device);
            let folder = Folder::new();
            save_perft(&own, &config, folder.path()).expect("written");
            let (read, found) = load_perft(base.clone(), &DIMS, folder.path()).expect("read");
            let (found, told) = found.expect("adapters");
            assert_eq!((found, &told), (config, &perft));
            assert_same(logits(&read), logits(&own));
            // Ready to be trained on.
            assert_eq!(learned_params(&read), perft.params.trainable);
        }
    }
    let none = Folder::new();
    let base = model(&assets, FULL, &device);
    let refused = save_perft(&base, &PerftConfig::default(), none.path());
    names(
        &refused.expect_err("no adapters").to_string(),
        &["adapters"],
    );
    let (read, found) = load_perft(base, &DIMS, none.path()).expect("none");
    assert!(found.is_none());
    // Files of transformers have no place for them.
    for config in variants() {
        let (own, _) = add_perft(read.clone(), &config, &DIMS).expect("adapters");
        let refused = own.valid().save_weights(&none.file("model.safetensors"));
        names(&refused.expect_err("no place").to_string(), &["adapters"]);
    }
}

const SETTINGS: &str = "perft.json";
const TENSORS: &str = "perft.safetensors";

/// A folder of routed adapters of the tiny model, and its settings.
fn written(text: &str) -> (Folder, Value) {
    let device = Device::flex();
    let config = config(text);
    let (own, _) = add_perft(tiny(&device), &config, &TINY).expect("adapters");
    let folder = Folder::new();
    save_perft(&own, &config, folder.path()).expect("written");
    let settings = fs::read_to_string(folder.file(SETTINGS)).expect("settings");
    (folder, serde_json::from_str(&settings).expect("JSON"))
}

fn refused(folder: &Folder) -> String {
    match load_perft(tiny(&Device::flex()), &TINY, folder.path()) {
        Ok(_) => panic!("it was taken"),
        Err(error) => error.to_string(),
    }
}

/// Names, shapes and metadata, which others read.
#[test]
fn the_files_by_hand() {
    let (folder, settings) = written("variant = { routed = { adapters = 3 } }\nr = 2");
    let base = serde_json::json!([{ "layer": 0, "width": 8, "experts": 4 }]);
    assert_eq!(settings["mixtures"], base);
    assert_eq!(settings["perft"]["r"], 2);
    let bytes = fs::read(folder.file(TENSORS)).expect("tensors");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let mut found: Vec<_> = file
        .iter()
        .map(|(name, view)| (name.to_owned(), view.shape().to_vec()))
        .collect();
    found.sort();
    let expected = [
        ("mixtures.0.adapters.down.weight", vec![3, 8, 2]),
        ("mixtures.0.adapters.up.weight", vec![3, 2, 8]),
        ("mixtures.0.router.scorer.Linear.map.weight", vec![8, 3]),
    ];
    assert_eq!(
        found,
        expected.map(|(name, shape)| (name.to_owned(), shape))
    );
    let (_, metadata) = SafeTensors::read_metadata(&bytes).expect("a header");
    let metadata = metadata.metadata().as_ref().expect("metadata");
    assert_eq!(metadata["format"], "pt");
}

/// Changes the settings of a folder.
fn with_settings(folder: &Folder, mut settings: Value, pointer: &str, value: impl Into<Value>) {
    *settings.pointer_mut(pointer).expect("a setting") = value.into();
    fs::write(folder.file(SETTINGS), settings.to_string()).expect("written");
}

#[test]
fn wrong_settings_are_refused_with_names() {
    let text = "variant = { routed = { adapters = 3 } }\nr = 2";
    for (pointer, value, words) in [
        // Another rank than that of the tensors.
        ("/perft/r", Value::from(4), &[TENSORS, "mixtures.0"][..]),
        (
            "/perft/variant/routed/adapters",
            5.into(),
            &[TENSORS, "mixtures.0"],
        ),
        (
            "/perft/variant/routed/k",
            9.into(),
            &[SETTINGS, "router of the adapters", "k = 9"],
        ),
        ("/perft/alpha", (-1.0).into(), &[SETTINGS, "greater than 0"]),
        (
            "/perft/form",
            "cubic".into(),
            &[SETTINGS, "cubic", "parallel"],
        ),
        // Of another model.
        (
            "/mixtures/0/layer",
            3.into(),
            &[SETTINGS, "layer 3", "layer 0"],
        ),
        (
            "/mixtures/0/width",
            16.into(),
            &[SETTINGS, "width 16", "width 8"],
        ),
        (
            "/mixtures/0/experts",
            60.into(),
            &[SETTINGS, "60 experts", "4 experts"],
        ),
    ] {
        let (folder, mut settings) = written(text);
        settings["perft"]["alpha"] = 4.0.into();
        with_settings(&folder, settings, pointer, value);
        names(&refused(&folder), words);
    }
    let (folder, _) = written(text);
    fs::write(folder.file(SETTINGS), "{ \"perft\": ").expect("written");
    names(&refused(&folder), &[SETTINGS]);
    // Adapters that every token goes through have no router.
    let (folder, mut settings) = written(text);
    settings["perft"]["variant"] = serde_json::json!({ "dense": { "adapters": 3 } });
    fs::write(folder.file(SETTINGS), settings.to_string()).expect("written");
    names(&refused(&folder), &[TENSORS, "mixtures.0.router"]);
}

#[test]
fn wrong_tensors_are_refused_with_names() {
    let text = "variant = 'embedded'\nr = 2";
    let change = |name: &str, change: &dyn Fn(&mut Vec<u8>) -> bool| {
        let (folder, _) = written(text);
        let bytes = fs::read(folder.file(TENSORS)).expect("tensors");
        let file = SafeTensors::deserialize(&bytes).expect("safetensors");
        let mut kept = Vec::new();
        for (own, view) in file.iter() {
            let mut data = view.data().to_vec();
            if own != name || change(&mut data) {
                kept.push((own.to_owned(), view.dtype(), view.shape().to_vec(), data));
            }
        }
        let views = kept.iter().map(|(name, dtype, shape, data)| {
            let view = TensorView::new(*dtype, shape.clone(), data).expect("sizes agree");
            (name, view)
        });
        let bytes = safetensors::serialize(views, None).expect("serialises");
        fs::write(folder.file(TENSORS), bytes).expect("written");
        folder
    };
    let name = "mixtures.0.adapters.up.weight";
    let missing = change(name, &|_| false);
    names(&refused(&missing), &[TENSORS, name]);
    let not_a_number = change(name, &|data| {
        data[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
        true
    });
    names(&refused(&not_a_number), &[TENSORS, name, "finite"]);
    let cut = change(name, &|_| true);
    let bytes = fs::read(cut.file(TENSORS)).expect("tensors");
    fs::write(cut.file(TENSORS), &bytes[..bytes.len() / 2]).expect("written");
    names(&refused(&cut), &[TENSORS]);
    let gone = change(name, &|_| true);
    fs::remove_file(gone.file(TENSORS)).expect("removed");
    names(&refused(&gone), &[TENSORS]);
    // A model that has adapters gets no others.
    let whole = change(name, &|_| true);
    let (own, _) = load_perft(tiny(&Device::flex()), &TINY, whole.path()).expect("read");
    assert!(own.limits().vocab > 0);
    let again = load_perft(own, &TINY, whole.path()).expect_err("twice");
    assert!(
        matches!(again, LoraError::HasAdapters { layer: 0 }),
        "{again}"
    );
}
