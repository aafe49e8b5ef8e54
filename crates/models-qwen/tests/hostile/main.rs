//! Three hundred thousand damaged and hostile folders: each is loaded, or refused with the file's name and the
//! tensor's; nothing panics, and nothing asks for memory that the files do not account for. A test program
//! of its own, since it counts what all threads ask for.

#[path = "../common/mod.rs"]
mod common;
mod json;
mod mutation;

use std::{
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use burn::tensor::Device;
use common::{Tensors, config, packed_tensors, parsed, random_tensors, serialised};
use models_bert::{Bert, BertConfig, BertHeads};
use models_qwen::Qwen2Moe;
use mutation::{Mutated, Target};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::Value;
use testkit::{Allocations, Generator};
use weights::Kept;

#[global_allocator]
static ALLOCATIONS: Allocations = Allocations::new();

/// Folders of each model and kind of change.
const FOLDERS: usize = 25_000;

/// What is asked for whatever the files hold: messages, names, parts of a model without numbers.
const ANYHOW: usize = 64 << 10;

/// A folder's files by name.
type Files = BTreeMap<String, Vec<u8>>;

/// A model's files, and whether a folder is one.
struct Subject {
    name: &'static str,
    files: Files,
    load: fn(&Path) -> Result<(), String>,
}

fn qwen() -> Subject {
    let config = config(6, 8, 2, 4);
    let tensors = random_tensors(&parsed(&config), 1);
    of_qwen("qwen", &config, &tensors)
}

fn packed() -> Subject {
    let mut config = config(6, 16, 2, 8);
    config["quantization_config"] = serde_json::json!({
        "quant_method": "gptq", "bits": 4, "group_size": 8, "sym": true, "checkpoint_format": "gptq"
    });
    let tensors = packed_tensors(&parsed(&config), 8, 1);
    of_qwen("packed", &config, &tensors)
}

fn of_qwen(name: &'static str, config: &Value, tensors: &Tensors) -> Subject {
    // In two shards, each with its half.
    let halves: [Vec<_>; 2] = [0, 1].map(|half| {
        let tensors = tensors.iter().enumerate();
        let mine = tensors.filter(|(number, _)| number % 2 == half);
        mine.map(|(_, (name, raw))| (name.clone(), raw.clone()))
            .collect()
    });
    let file = |half: usize| format!("model-{half}.safetensors");
    let map: BTreeMap<&String, String> = halves
        .iter()
        .enumerate()
        .flat_map(|(half, tensors)| tensors.iter().map(move |(name, _)| (name, file(half))))
        .collect();
    let index = serde_json::json!({"metadata": {"total_size": 1}, "weight_map": map});
    let mut files = Files::from([
        ("config.json".to_owned(), config.to_string().into_bytes()),
        (
            "model.safetensors.index.json".to_owned(),
            index.to_string().into_bytes(),
        ),
    ]);
    for (half, tensors) in halves.into_iter().enumerate() {
        files.insert(file(half), serialised(&tensors.into_iter().collect()));
    }
    Subject {
        name,
        files,
        load: |folder| {
            let loaded = Qwen2Moe::load(folder, Kept::Stored, &Device::flex());
            loaded.map(|_| ()).map_err(|error| error.to_string())
        },
    }
}

fn bert() -> Subject {
    let config = BertConfig {
        vocab_size: 7,
        hidden_size: 4,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        intermediate_size: 6,
        max_position_embeddings: 5,
        ..BertConfig::default()
    };
    let layout = config.layout(BertHeads::default());
    let names = layout.iter().map(|entry| format!("bert.{}", entry.name));
    let names: Vec<String> = names.collect();
    let zeros = vec![0; 1 << 10];
    let tensors = layout.iter().zip(&names).map(|(entry, name)| {
        let bytes = &zeros[..4 * entry.shape.iter().product::<usize>()];
        let view = TensorView::new(Dtype::F32, entry.shape.clone(), bytes);
        (name, view.expect("sizes agree"))
    });
    let weights = safetensors::serialize(tensors, None).expect("serialises");
    let map: BTreeMap<&String, &str> = names.iter().map(|name| (name, "a.safetensors")).collect();
    let index = serde_json::json!({"weight_map": map});
    let settings = r#"{"model_type": "bert", "vocab_size": 7, "hidden_size": 4,
        "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 6,
        "max_position_embeddings": 5, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
        "hidden_act": "gelu", "position_embedding_type": "absolute", "is_decoder": false}"#;
    Subject {
        name: "bert",
        files: Files::from([
            ("config.json".to_owned(), settings.as_bytes().to_vec()),
            (
                "model.safetensors.index.json".to_owned(),
                index.to_string().into_bytes(),
            ),
            ("a.safetensors".to_owned(), weights),
        ]),
        load: |folder| {
            let loaded = Bert::load(folder, &Device::flex());
            loaded.map(|_| ()).map_err(|error| error.to_string())
        },
    }
}

/// How often a kind of file was refused and loaded, and what was asked for.
#[derive(Default, Debug)]
struct Tally {
    refused: usize,
    loaded: usize,
    peak: usize,
}

impl Subject {
    /// Loads the folder with one file changed, time and again.
    fn attack(&self, folder: &Path, target: Target) -> Tally {
        let mut generator = Generator::new(FOLDERS as u64 + target as u64);
        let mut tally = Tally::default();
        for round in 0..FOLDERS {
            let mutated = Mutated::of(&self.files, target, &mut generator);
            fs::write(folder.join(&mutated.file), &mutated.bytes).expect("written");
            let sizes = self.files.iter().map(|(name, bytes)| {
                let changed = *name == mutated.file;
                let bytes = if changed { &mutated.bytes } else { bytes };
                bytes.len()
            });
            let allowed = 2 * sizes.sum::<usize>() + ANYHOW;
            let (result, seen) =
                ALLOCATIONS.of(|| catch_unwind(AssertUnwindSafe(|| (self.load)(folder))));
            let what = || format!("{}, {target:?} {round}: {mutated}", self.name);
            let result = result.unwrap_or_else(|_| panic!("it panicked: {}", what()));
            assert!(seen.largest <= allowed, "{seen:?} of {allowed}: {}", what());
            tally.peak = tally.peak.max(seen.peak);
            match result {
                Ok(()) => tally.loaded += 1,
                Err(message) => {
                    tally.refused += 1;
                    self.check(&message)
                        .unwrap_or_else(|missing| panic!("no {missing} in: {message}\n{}", what()));
                }
            }
            let original = &self.files[&mutated.file];
            fs::write(folder.join(&mutated.file), original).expect("written");
        }
        tally
    }

    /// Holds a message against what it must name: a file, and a tensor or a setting where it is about one.
    fn check(&self, message: &str) -> Result<(), &'static str> {
        let names_file = self.files.keys().any(|file| message.contains(file));
        // A shard of another name than there is.
        let names_file = names_file || message.contains("cannot read");
        if !names_file {
            return Err("file");
        }
        let about_tensors = message.contains("no model of its config.json");
        if about_tensors && !message.contains('`') {
            return Err("tensor");
        }
        Ok(())
    }
}

/// A folder in memory where the system has one: a disk would be what is measured.
fn in_memory() -> tempfile::TempDir {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    folder.expect("a folder")
}

#[test]
fn damaged_folders_are_refused_by_name_and_ask_for_no_memory() {
    for subject in [qwen(), packed(), bert()] {
        let folder = in_memory();
        for (name, bytes) in &subject.files {
            fs::write(folder.path().join(name), bytes).expect("written");
        }
        assert_eq!((subject.load)(folder.path()), Ok(()));
        for target in Target::ALL {
            let tally = subject.attack(folder.path(), target);
            // Either happens, or the changes are not what they are meant to be.
            let least = match target {
                // Most numbers are as good as any.
                Target::Numbers => FOLDERS / 1000,
                _ => FOLDERS / 4,
            };
            assert!(tally.refused > least, "{target:?}: {tally:?}");
            assert!(tally.loaded > FOLDERS / 1000, "{target:?}: {tally:?}");
            assert!(tally.peak < 1 << 20, "{target:?}: {tally:?}");
        }
    }
}
