//! How fast a pretrained Qwen2-MoE is loaded, reads a prompt and writes, and how fast others are at it.
//!
//! PyTorch's way ([`Launch`]) is asked of the same folder and takes turns with ours; llama.cpp ([`Llama`]) is
//! asked of a file of its own, since it reads none of these.

mod llama;
mod memory;
mod ours;
mod torch;

use std::{io, path::PathBuf, time::Duration};

use burn::tensor::Device;
use kernels::Precision;
use models_qwen::{Qwen2Moe, Qwen2MoeConfig};
use runstore::tables::ProfileRow;
use serde::Serialize;
use weights::{Checkpoint, Kept, WeightsError};

pub use self::{
    llama::{Llama, LlamaSpeed},
    memory::Floor,
    torch::Beside,
};
use self::{memory::status, ours::Ours};
use crate::{
    PeersError,
    process::{Launch, Peer},
    profile::{self, Rates},
    rounds::Rounds,
};

/// Tokens that texts have before they go on.
const BEFORE: usize = 16;

/// How often a prompt is read.
const PROMPTS: usize = 3;

/// What is asked.
#[derive(Debug, Clone)]
pub struct QwenOptions {
    /// A folder as Hugging Face has them.
    pub folder: PathBuf,
    /// Tokens of the prompt.
    pub prefill: usize,
    /// Tokens that are written.
    pub tokens: usize,
    /// Texts that are written side by side.
    pub batches: Vec<usize>,
    /// PyTorch, where it is to do the same.
    pub python: Option<Launch>,
    /// llama.cpp likewise.
    pub llama: Option<Llama>,
    /// Pause between what two sides do.
    pub pause: Duration,
    /// Whether to listen where the time goes, once more after all that is timed.
    pub profile: bool,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub struct QwenSpeed {
    /// Threads of the processor.
    pub threads: usize,
    /// Bytes of the weights' files.
    pub file_bytes: u64,
    /// Seconds to read the files once, which leaves them in the page cache if they fit.
    pub read_s: f64,
    /// Seconds to load the model after that.
    pub load_s: f64,
    /// The most memory of the process at any time.
    pub peak_resident_bytes: Option<u64>,
    /// At the end, memory of its own.
    pub anonymous_bytes: Option<u64>,
    /// At the end, memory of mapped files.
    pub mapped_file_bytes: Option<u64>,
    /// Tokens of the prompt.
    pub prefill_tokens: usize,
    /// How many of them a second are read.
    pub prefill_tokens_per_s: f64,
    /// Bytes of the files that the next token of one text has to read.
    pub bytes_per_token: u64,
    /// What memory allows of that.
    pub floor: Floor,
    /// Texts that were written.
    pub decode: Vec<Decoded>,
    /// PyTorch beside us, taking turns.
    pub beside: Vec<Beside>,
    /// llama.cpp, before us.
    pub llama: Option<LlamaSpeed>,
    /// Where the time of a written token of one text goes, span by span.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub profile: Vec<ProfileRow>,
}

/// Texts that were written side by side.
#[derive(Debug, Serialize)]
pub struct Decoded {
    /// How many.
    pub batch: usize,
    /// Tokens of each.
    pub tokens: usize,
    /// Milliseconds of a step, the middle of all.
    pub step_ms: f64,
    /// Tokens a second, of all texts.
    pub tokens_per_s: f64,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QwenError {
    /// The folder is no such model.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A file of it cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The model has no room for what was asked.
    #[error("{asked} tokens of a text, and the model has {places} places")]
    Long {
        /// What was asked for.
        asked: usize,
        /// Those of the model.
        places: usize,
    },
    /// PyTorch's way is that of four bits.
    #[error("{} is not in four bits of GPTQ, of which PyTorch's side unpacks every map", .0.display())]
    Whole(PathBuf),
    /// One of the others did not do as asked.
    #[error(transparent)]
    Peer(#[from] PeersError),
}

/// Measures a model; `tell` hears what is being done.
///
/// # Errors
///
/// When the folder is no Qwen2-MoE, is too small for what was asked, or when one of the others fails.
pub fn qwen(
    options: &QwenOptions,
    device: &Device,
    tell: &mut dyn FnMut(&str),
) -> Result<QwenSpeed, QwenError> {
    let folder = &options.folder;
    let config = Qwen2MoeConfig::read(folder)?;
    let files = Checkpoint::open(folder, |name| Some(name.to_owned()))?;
    let (asked, places) = (
        options.prefill.max(BEFORE + 1 + options.tokens),
        config.max_position_embeddings,
    );
    if asked > places {
        return Err(QwenError::Long { asked, places });
    }
    if let Some(launch) = &options.python {
        if !files.sizes().any(|(name, _)| name.ends_with(".qweight")) {
            return Err(QwenError::Whole(folder.clone()));
        }
        // Whether it is there at all, before anything is measured.
        Peer::start(launch, "qwen")?;
    }
    let llama = options.llama.as_ref();
    let llama = llama.map(|llama| {
        tell("llama.cpp");
        llama.run(options.prefill, options.tokens)
    });
    let llama = llama.transpose()?;
    tell("reading the files");
    let (file_bytes, read_s) = ours::timed(|| memory::read_through(folder));
    let file_bytes = file_bytes.map_err(|source| QwenError::Read {
        path: folder.clone(),
        source,
    })?;
    tell("loading");
    let (model, load_s) = ours::timed(|| Qwen2Moe::load(folder, Kept::Stored, device));
    let model = model?;
    let ours = Ours {
        model: &model,
        vocab: config.vocab_size,
        device,
    };
    tell("reading a prompt");
    let prefill_s = ours.prompt(options.prefill).middle(PROMPTS);
    let mut steps = Vec::new();
    for &batch in &options.batches {
        tell(&format!("writing, {batch} side by side"));
        let step_s = ours.writing(batch, BEFORE).middle(options.tokens);
        steps.push((batch, step_s));
    }
    let beside = match &options.python {
        None => Vec::new(),
        Some(launch) => torch::beside(options, launch, ours, tell)?,
    };
    // Before memory is taken that only this measurement needs.
    let [peak, anonymous, mapped] = ["VmHWM:", "RssAnon:", "RssFile:"].map(status);
    tell("writing beside reading memory");
    let bytes_per_token = config.bytes_per_token(&files);
    let floor = memory::floor(
        device,
        ours.writing(1, BEFORE),
        bytes_per_token,
        rounds(options.tokens, options.pause),
    );
    let profile = if options.profile {
        tell("listening");
        // Of what memory gives when it is only read: a token writes next to nothing.
        let rates = Rates {
            byte_per_s: floor.read_bandwidth,
            ..Rates::measure(device, Precision::F32)?
        };
        let mut writing = ours.writing(1, BEFORE);
        writing.step();
        profile::spans(options.tokens, rates, || _ = writing.step())
    } else {
        Vec::new()
    };
    let decoded = |(batch, step_s): (usize, f64)| Decoded {
        batch,
        tokens: options.tokens,
        step_ms: 1e3 * step_s,
        tokens_per_s: batch as f64 / step_s,
    };
    Ok(QwenSpeed {
        threads: rayon::current_num_threads(),
        file_bytes,
        read_s,
        load_s,
        decode: steps.into_iter().map(decoded).collect(),
        peak_resident_bytes: peak,
        anonymous_bytes: anonymous,
        mapped_file_bytes: mapped,
        prefill_tokens: options.prefill,
        prefill_tokens_per_s: options.prefill as f64 / prefill_s,
        bytes_per_token,
        floor,
        beside,
        llama,
        profile,
    })
}

/// Turns of prompts, or of steps of writing.
const fn rounds(samples: usize, pause: Duration) -> Rounds {
    Rounds {
        warmup: 1,
        samples,
        pause,
    }
}
