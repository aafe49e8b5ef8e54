//! The command line of `xp bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `xp bench`.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Compares with PyTorch programs: outputs and gradients first, then speed, taking turns.
    Peers(PeersArgs),
    /// Times a pretrained Qwen2-MoE: loading, memory, reading a prompt, writing token by token.
    Qwen(QwenArgs),
    /// Times TinyMoE's training step on the CPU, and says where its time goes.
    Step(StepArgs),
}

// `xp bench step`.
#[derive(Debug, Args)]
pub(crate) struct StepArgs {
    /// Listens to every phase, part and operation too, and writes where the time went.
    #[arg(long)]
    pub(crate) profile: bool,
    /// Sizes of the model: smoke, sweep, cpu or paper.
    #[arg(long, default_value = "cpu")]
    pub(crate) scale: peers::Scale,
    /// Precisions to multiply in.
    #[arg(long, value_name = "NAME", num_args = 1.., default_values = ["f32", "bf16"], value_parser = ["f32", "bf16"])]
    pub(crate) precision: Vec<String>,
    /// Steps that are timed; with --profile, as many more that are listened to, in turn.
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) steps: u16,
    /// Steps before those.
    #[arg(long, value_name = "N", default_value = "3")]
    pub(crate) warmup: u16,
    /// Threads [default: the cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) threads: Option<u16>,
    /// Folder for what --profile writes: <DIR>/profile/<scale>-cpu/.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) results: PathBuf,
    /// Prints the rows as JSON instead of tables.
    #[arg(long)]
    pub(crate) json: bool,
}

// `xp bench qwen`.
#[derive(Debug, Args)]
pub(crate) struct QwenArgs {
    /// A folder with config.json and model.safetensors or its shards, such as `xp forge` writes.
    pub(crate) folder: PathBuf,
    /// Tokens of the prompt that is read.
    #[arg(long, value_name = "N", default_value = "512", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) prefill: u32,
    /// Tokens that are written.
    #[arg(long, value_name = "N", default_value = "16", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) tokens: u32,
    /// Texts that are written side by side.
    #[arg(long, value_name = "N", num_args = 1.., default_values = ["1", "8"], value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) batch: Vec<u16>,
    /// Where the model runs: cpu, cuda:N or wgpu:N.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    /// An interpreter that has PyTorch: times its way on the same files beside ours, taking turns. Of a model in
    /// four bits, of as few layers as memory holds twice (`xp forge --layers 1`).
    #[arg(long, value_name = "FILE")]
    pub(crate) python: Option<String>,
    /// Says too where the time of a written token goes, on the CPU.
    #[arg(long)]
    pub(crate) profile: bool,
    /// Folder of the PyTorch programs.
    #[arg(long, value_name = "DIR", default_value = "scripts/peers")]
    pub(crate) programs: PathBuf,
    /// llama.cpp's benchmark, which is run before ours.
    #[arg(long, value_name = "FILE", requires = "gguf")]
    pub(crate) llama_bench: Option<PathBuf>,
    /// The file that it reads.
    #[arg(long, value_name = "FILE", requires = "llama_bench")]
    pub(crate) gguf: Option<PathBuf>,
    /// Pause between two samples of sides that take turns, in milliseconds.
    #[arg(long, value_name = "N", default_value = "50")]
    pub(crate) pause: u16,
    /// Folder for files that pass between the sides, and their logs.
    #[arg(long, value_name = "DIR", default_value = ".xp")]
    pub(crate) work: PathBuf,
    /// Prints JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

// `xp bench peers`.
#[derive(Debug, Args)]
pub(crate) struct PeersArgs {
    /// Sizes of everything: smoke, sweep, cpu or paper.
    #[arg(long, default_value = "cpu")]
    pub(crate) scale: peers::Scale,
    /// Compares only these: the beginnings of names such as step, layer, ffn, rows/compact.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(crate) only: Vec<String>,
    /// Compares only with these programs, such as bmm or loop+compile.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(crate) variant: Vec<String>,
    /// Precisions to ask of both sides.
    #[arg(long, value_name = "NAME", num_args = 1.., default_values = ["f32", "bf16"], value_parser = ["f32", "bf16"])]
    pub(crate) precision: Vec<String>,
    /// Timed samples of each side.
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) samples: u16,
    /// Samples of each side before those.
    #[arg(long, value_name = "N", default_value = "3")]
    pub(crate) warmup: u16,
    /// Pause between two samples, in milliseconds.
    #[arg(long, value_name = "N", default_value = "50")]
    pub(crate) pause: u16,
    /// Threads of each side [default: the cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) threads: Option<u16>,
    /// The interpreter that has PyTorch [default: $SWITCHYARD_PYTHON, or python3].
    #[arg(long, value_name = "FILE")]
    pub(crate) python: Option<String>,
    /// Folder of the PyTorch programs.
    #[arg(long, value_name = "DIR", default_value = "scripts/peers")]
    pub(crate) programs: PathBuf,
    /// Where both sides run: cpu or cuda:N.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    /// The longest that one answer of a PyTorch program may take, in seconds.
    #[arg(long, value_name = "N", default_value = "600")]
    pub(crate) patience: u16,
    /// Folder for results: <DIR>/peers/<scale>-<device>/.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) results: PathBuf,
    /// Folder for files that pass between the sides, and their logs.
    #[arg(long, value_name = "DIR", default_value = ".xp")]
    pub(crate) work: PathBuf,
    /// Prints the rows as JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}
