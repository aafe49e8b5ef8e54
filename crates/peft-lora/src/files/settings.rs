//! `adapter_config.json`.

use std::{collections::BTreeMap, fs, num::NonZeroUsize, path::Path};

use nn::LowRankInit;
use registry::{Fraction, PositiveF64};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{SETTINGS, TENSORS};
use crate::{LoraConfig, LoraError, modules::Modules};

/// Ranks above this are a mistake.
const MOST: usize = 1 << 16;

/// The settings of an adapter, those that PEFT asks for and those that it is good to have.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Settings {
    pub(super) peft_type: &'static str,
    pub(super) task_type: &'static str,
    pub(super) base_model_name_or_path: Option<String>,
    pub(super) r: usize,
    pub(super) lora_alpha: Value,
    pub(super) lora_dropout: f64,
    pub(super) use_rslora: bool,
    pub(super) init_lora_weights: Value,
    pub(super) target_modules: Vec<String>,
    pub(super) target_parameters: Option<Vec<String>>,
    pub(super) rank_pattern: BTreeMap<String, usize>,
    pub(super) alpha_pattern: BTreeMap<String, Value>,
    pub(super) modules_to_save: Option<Vec<String>>,
    pub(super) bias: &'static str,
    pub(super) fan_in_fan_out: bool,
    pub(super) inference_mode: bool,
}

/// The start of A and B as PEFT names it.
pub(super) fn init_name(init: LowRankInit) -> Value {
    match init {
        LowRankInit::Kaiming => Value::Bool(true),
        LowRankInit::Gaussian => "gaussian".into(),
        LowRankInit::Random => Value::Bool(false),
    }
}

/// A whole number without a fraction, as PEFT's own are written.
pub(super) fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        (value as i64).into()
    } else {
        value.into()
    }
}

/// One name, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Names {
    /// A pattern, or a word of PEFT's.
    One(String),
    /// Entries.
    All(Vec<String>),
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = || serde::de::Error::custom("expected a text or a list of texts");
        let text = |value: Value| match value {
            Value::String(text) => Ok(text),
            _ => Err(expected()),
        };
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self::All(Vec::new())),
            Value::Array(all) => Ok(Self::All(
                all.into_iter().map(text).collect::<Result<_, _>>()?,
            )),
            one => Ok(Self::One(text(one)?)),
        }
    }
}

impl Default for Names {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl Names {
    fn list(self, setting: &str) -> Result<Vec<String>, String> {
        match self {
            Self::All(all) => Ok(all),
            Self::One(one) => Err(format!(
                "`{setting}` is {one:?}, and a list is read; write [{one:?}]"
            )),
        }
    }
}

/// What is read; other fields are looked at by [`unread`] alone.
#[derive(Debug, Deserialize)]
struct Read {
    #[serde(default)]
    base_model_name_or_path: Option<String>,
    r: NonZeroUsize,
    lora_alpha: PositiveF64,
    #[serde(default)]
    lora_dropout: Fraction0,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    init_lora_weights: Value,
    #[serde(default)]
    target_modules: Names,
    #[serde(default)]
    target_parameters: Names,
    #[serde(default)]
    modules_to_save: Names,
    #[serde(default)]
    rank_pattern: Option<BTreeMap<String, NonZeroUsize>>,
    #[serde(default)]
    alpha_pattern: Option<BTreeMap<String, PositiveF64>>,
}

/// A probability that is 0 where it is not said.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Fraction0(Fraction);

impl Default for Fraction0 {
    fn default() -> Self {
        Self(Fraction::new(0.0))
    }
}

/// Fields that change what an adapter computes and that nothing here knows of, with what says that they are off.
const UNKNOWN: [&str; 22] = [
    "use_dora",
    "use_qalora",
    "use_bdlora",
    "lora_bias",
    "fan_in_fan_out",
    "layer_replication",
    "layers_to_transform",
    "layers_pattern",
    "exclude_modules",
    "trainable_token_indices",
    "alora_invocation_tokens",
    "arrow_config",
    "kasa_config",
    "velora_config",
    "monteclora_config",
    "lora_ga_config",
    "corda_config",
    "megatron_config",
    "loftq_config",
    "qalora_config",
    "bdlora_config",
    "ensure_weight_tying",
];

/// What the settings ask for and nothing here does.
fn unread(all: &Value) -> Option<String> {
    let Some(fields) = all.as_object() else {
        return Some("is no table of settings".to_owned());
    };
    match fields.get("peft_type").and_then(Value::as_str) {
        Some("LORA") => {}
        Some(other) => return Some(format!("`peft_type` is {other:?}, and \"LORA\" is read")),
        None => {
            return Some(
                "`peft_type` is missing; the settings of a LoRA of PEFT have \"LORA\" there"
                    .to_owned(),
            );
        }
    }
    if let Some(bias) = fields.get("bias").filter(|bias| !bias.is_null())
        && bias != "none"
    {
        return Some(format!(
            "`bias` is {bias}, and biases that are trained are not read; train the adapter with \"none\""
        ));
    }
    let off = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.is_empty(),
        _ => false,
    };
    let (name, value) = UNKNOWN
        .iter()
        .filter_map(|name| Some((name, fields.get(*name)?)))
        .find(|(_, value)| !off(value))?;
    Some(format!(
        "`{name}` is {value}, which changes what the adapter computes and is not computed here; train one \
         without it, or merge this one into the model with PEFT"
    ))
}

/// The start that a value names.
fn init(value: &Value) -> Result<LowRankInit, String> {
    match value {
        Value::Null | Value::Bool(true) => Ok(LowRankInit::Kaiming),
        Value::Bool(false) => Ok(LowRankInit::Random),
        Value::String(name) if name == "gaussian" => Ok(LowRankInit::Gaussian),
        // How B or A starts otherwise is of no concern behind training.
        Value::String(name) if ["eva", "orthogonal"].contains(&name.as_str()) => {
            Ok(LowRankInit::Kaiming)
        }
        other => Err(format!(
            "`init_lora_weights` is {other}, which also changes the weights of the model; convert the adapter \
             with PEFT's `path_initial_model_for_weight_conversion`"
        )),
    }
}

/// The settings of a folder, with the names of a model's modules for those that take names of their own, and the
/// model that they say they are of.
pub(super) fn read(
    folder: &Path,
    modules: &Modules,
) -> Result<(LoraConfig, Option<String>), LoraError> {
    let path = folder.join(SETTINGS);
    let text = fs::read_to_string(&path).map_err(|source| LoraError::Read {
        path: path.clone(),
        source,
        hint: "",
    })?;
    let of = |text: &str| -> Result<_, String> {
        let all: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if let Some(problem) = unread(&all) {
            return Err(problem);
        }
        let read: Read = serde_json::from_value(all).map_err(|error| error.to_string())?;
        checked(read, modules)
    };
    of(&text).map_err(|problem| LoraError::Settings { path, problem })
}

fn checked(read: Read, modules: &Modules) -> Result<(LoraConfig, Option<String>), String> {
    let rank_pattern = read.rank_pattern.unwrap_or_default();
    let largest = rank_pattern.values().chain([&read.r]).max();
    if let Some(rank) = largest.filter(|rank| rank.get() > MOST) {
        return Err(format!(
            "a rank of {rank} is no low one; at most {MOST} is read"
        ));
    }
    let target_modules = match read.target_modules {
        Names::All(all) => all,
        Names::One(word) if word == "all-linear" => {
            let all = modules.names().filter(|name| *name != "lm_head");
            all.map(str::to_owned).collect()
        }
        Names::One(pattern) => {
            let regex = regex::Regex::new(&format!("^(?:{pattern})$"))
                .map_err(|error| format!("`target_modules` is no pattern: {error}"))?;
            let all = modules.names().filter(|name| regex.is_match(name));
            let all: Vec<String> = all.map(str::to_owned).collect();
            if all.is_empty() {
                return Err(format!(
                    "`target_modules` {pattern:?} matches no module of the model"
                ));
            }
            all
        }
    };
    let config = LoraConfig {
        r: read.r,
        alpha: read.lora_alpha,
        dropout: read.lora_dropout.0,
        rslora: read.use_rslora,
        init: init(&read.init_lora_weights)?,
        target_modules,
        target_parameters: read.target_parameters.list("target_parameters")?,
        rank_pattern,
        alpha_pattern: read.alpha_pattern.unwrap_or_default(),
        modules_to_save: read.modules_to_save.list("modules_to_save")?,
    };
    Ok((config, read.base_model_name_or_path))
}

/// What stands in the place of an adapter's tensors, if they are not there.
pub(super) fn hint(folder: &Path) -> &'static str {
    if folder.join("adapter_model.bin").exists() {
        "; adapter_model.bin is a pickle, which is not read: save it again with PEFT, as safetensors"
    } else if folder.join(format!("{TENSORS}.index.json")).exists() {
        "; an index of several files is not read: save the adapter as one file"
    } else {
        ""
    }
}
