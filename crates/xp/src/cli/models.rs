//! What the commands on a single language model take.

use std::{num::NonZeroUsize, path::PathBuf};

use moe_layer::{RouterInit, SharedGate};

use super::{Data, Places};
use crate::inline::member;

/// A number of things, of which there is one at least.
fn some(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "expected a whole number from 1")
}

/// A member of a family, by its name or as a table.
fn init(text: &str) -> Result<RouterInit, String> {
    member(text)
}

fn shared_gate(text: &str) -> Result<SharedGate, String> {
    member(text)
}

// `xp forge`.
#[derive(Debug, clap::Args)]
pub(crate) struct ForgeArgs {
    /// The architecture.
    #[arg(value_parser = ["qwen2-moe"])]
    pub(crate) model: String,
    /// The sizes: tiny, or a2.7b, those of Qwen1.5-MoE-A2.7B.
    #[arg(long, default_value = "tiny", value_parser = ["tiny", "a2.7b"])]
    pub(crate) preset: String,
    /// Layers [default: those of the preset].
    #[arg(long, value_name = "N", value_parser = some)]
    pub(crate) layers: Option<NonZeroUsize>,
    /// The numbers of its maps: bf16 (none), or four bits of GPTQ.
    #[arg(long, default_value = "none", value_parser = ["none", "int4"])]
    pub(crate) quant: String,
    /// From which all numbers follow.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// The folder to write, which must be empty or not there.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

// `xp quantise`.
#[derive(Debug, clap::Args)]
pub(crate) struct QuantiseArgs {
    /// A Qwen2-MoE in whole or half precision: a folder with config.json, tokenizer.json and
    /// model.safetensors or its shards, or the name of one in or beside the data folder.
    pub(crate) model: String,
    /// What it reads meanwhile: a file of text, or the name of a corpus, whose training part is taken.
    #[arg(long, value_name = "TEXT")]
    pub(crate) corpus: String,
    /// The folder to write; one that was begun with the same settings is gone on with.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Windows of the text that are read, spread over it.
    #[arg(long, value_name = "N", default_value = "128", value_parser = some)]
    pub(crate) windows: NonZeroUsize,
    /// Tokens of a window.
    #[arg(long, value_name = "S", default_value = "256", value_parser = some)]
    pub(crate) sequence: NonZeroUsize,
    /// Settings of a [quantise] table, such as 'group-size = 32, act-order = true'.
    #[arg(long, value_name = "SETTINGS", default_value = "")]
    pub(crate) settings: String,
    /// Prints JSON: the maps, each with the tokens that it read and its error.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where the model runs: cpu, cuda:N or wgpu:N.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    #[command(flatten)]
    pub(crate) data: Data,
}

// `xp generate`.
#[derive(Debug, clap::Args)]
pub(crate) struct GenerateArgs {
    /// A folder with config.json, tokenizer.json and model.safetensors, the name of a model in or beside
    /// the data folder, or a trial that kept its weights: its id, first digits, or `latest`.
    pub(crate) model: String,
    /// The folder of an adapter of PEFT's for it, with adapter_config.json and adapter_model.safetensors, and
    /// routers.json where routers were replaced.
    #[arg(long, value_name = "DIR")]
    pub(crate) adapter: Option<PathBuf>,
    /// The text to continue; several are continued side by side.
    #[arg(long, required = true, value_name = "TEXT")]
    pub(crate) prompt: Vec<String>,
    /// The most tokens that are added.
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub(crate) max_tokens: usize,
    /// 0 takes the likeliest token each time; larger values draw more freely.
    #[arg(
        long,
        value_name = "T",
        default_value_t = 1.0,
        allow_negative_numbers = true
    )]
    pub(crate) temperature: f64,
    /// Draws from this many of the likeliest tokens.
    #[arg(long, value_name = "N")]
    pub(crate) top_k: Option<usize>,
    /// Draws from the fewest tokens that have this probability together.
    #[arg(long, value_name = "P")]
    pub(crate) top_p: Option<f64>,
    /// From which draws follow.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Writes the prompt as a person's turn, by the model's chat template.
    #[arg(long)]
    pub(crate) chat: bool,
    /// Prints JSON when all is written, in place of the text as it grows.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where the model runs: cpu, cuda:N or wgpu:N.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    #[command(flatten)]
    pub(crate) places: Places,
}

// `xp eval`.
#[derive(Debug, clap::Args)]
pub(crate) struct EvalArgs {
    /// A model, as `xp generate` takes it.
    pub(crate) model: String,
    /// The folder of an adapter of PEFT's for it, with adapter_config.json and adapter_model.safetensors, and
    /// routers.json where routers were replaced.
    #[arg(long, value_name = "DIR")]
    pub(crate) adapter: Option<PathBuf>,
    /// The text.
    #[arg(long, value_name = "FILE")]
    pub(crate) text: PathBuf,
    /// Reads so many characters of it.
    #[arg(long, value_name = "N", value_parser = some)]
    pub(crate) chars: Option<NonZeroUsize>,
    /// Reads so many windows of it, from the beginning.
    #[arg(long, value_name = "N", value_parser = some)]
    pub(crate) windows: Option<NonZeroUsize>,
    /// Tokens of a window, each predicted from those before it in the window
    /// [default: 256, or fewer where the model has not so many places].
    #[arg(long, value_name = "S", value_parser = some)]
    pub(crate) sequence: Option<NonZeroUsize>,
    /// Measures the model once more with other routers in all its mixtures: settings of a [router]
    /// table, such as 'scorer = "mlp", gate = "raw"'.
    #[arg(long, value_name = "SETTINGS")]
    pub(crate) router: Option<String>,
    /// How those routers start: fresh, copy, or distil, which learns from the model's own on the windows
    /// behind those that are measured.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "fresh",
        value_parser = init,
        requires = "router"
    )]
    pub(crate) init: RouterInit,
    /// The gates of shared experts: keep, or fresh, which loses them as a replacement of all that is
    /// called a gate does.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "keep",
        value_parser = shared_gate,
        requires = "router"
    )]
    pub(crate) shared_gate: SharedGate,
    /// Windows that distil learns from: those behind the ones that --windows counts.
    #[arg(
        long,
        value_name = "N",
        default_value = "40",
        value_parser = some,
        requires = "router"
    )]
    pub(crate) fit_windows: NonZeroUsize,
    /// From which the numbers follow that those routers start with.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "router")]
    pub(crate) seed: u64,
    /// Prints JSON with the keys perplexity, nats_per_token, tokens and layers.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where the model runs: cpu, cuda:N or wgpu:N.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    #[command(flatten)]
    pub(crate) places: Places,
}
