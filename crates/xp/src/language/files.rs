//! A pretrained model from its folder.

use std::{fs, path::Path};

use burn::tensor::Device;
use corpora::{PretrainedTokenizer, Tokenizer};
use models_qwen::Qwen2Moe;
use serde::Deserialize;
use weights::Kept;

use super::{AnyModel, NamedModel};
use crate::exit::{Exit, Expected};

/// One id, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Ids {
    One(u32),
    Many(Vec<u32>),
}

/// What `config.json` and `generation_config.json` say of the end of a text.
#[derive(Default, Deserialize)]
struct Ends {
    eos_token_id: Option<Ids>,
}

/// Loads a Qwen2-MoE with its tokenizer, its matrices kept in a type.
pub(super) fn load(folder: &Path, kept: Kept, device: &Device) -> Result<NamedModel, Expected> {
    for name in ["config.json", "tokenizer.json"] {
        let path = folder.join(name);
        if !path.exists() {
            return Err(Expected::new(
                Exit::Missing,
                format!("there is no {}", path.display()),
                "a model's folder holds config.json, tokenizer.json, and model.safetensors or its shards",
            ));
        }
    }
    if is_kept(folder) {
        return Err(Expected::new(
            Exit::Usage,
            format!(
                "{} is a model that a trial kept, whose tensors have the names of this program",
                folder.display()
            ),
            "give the trial's id in the place of the folder; `xp status` of its sweep shows it",
        ));
    }
    let tokenizer = PretrainedTokenizer::read(&folder.join("tokenizer.json"))?;
    let stop_ids = stop_ids(folder)?;
    let model = Qwen2Moe::load(folder, kept, device)?;
    let model = AnyModel::Qwen2Moe(model);
    let (tokens, rows) = (tokenizer.vocab_size(), model.limits().vocab);
    if tokens > rows {
        return Err(Expected::new(
            Exit::Usage,
            format!(
                "{}: the tokenizer has {tokens} tokens, and the model has rows for {rows}",
                folder.display()
            ),
            "put the tokenizer there that belongs to the model",
        ));
    }
    Ok(NamedModel {
        model,
        tokenizer: Tokenizer::Pretrained(tokenizer),
        stop_ids,
        folder: Some(folder.to_owned()),
    })
}

/// Whether a folder is a copy of what a trial kept, whose `config.json` holds the settings of a job.
fn is_kept(folder: &Path) -> bool {
    let text = fs::read(folder.join("config.json")).unwrap_or_default();
    let config: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let of_job = ["train", "finetune"]
        .iter()
        .any(|job| config.get(job).is_some());
    of_job && config.get("model_type").is_none()
}

/// The tokens that end a text: those of `generation_config.json`, else those of `config.json`.
fn stop_ids(folder: &Path) -> Result<Vec<u32>, Expected> {
    for name in ["generation_config.json", "config.json"] {
        let path = folder.join(name);
        let Ok(text) = fs::read(&path) else { continue };
        let ends: Ends = serde_json::from_slice(&text).map_err(|error| {
            Expected::new(
                Exit::Usage,
                format!("{} is damaged: {error}", path.display()),
                "`eos_token_id` is a token's id, or a list of them",
            )
        })?;
        match ends.eos_token_id {
            Some(Ids::One(id)) => return Ok(vec![id]),
            Some(Ids::Many(ids)) => return Ok(ids),
            None => {}
        }
    }
    Ok(Vec::new())
}
