//! `xp bench qwen`: how fast a pretrained model is loaded, reads a prompt and writes.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
    time::Instant,
};

use burn::tensor::{Device, Int, Tensor, TensorData};
use kernels::{Precision, Reading};
use lm::{Decoder, DecoderInput, LmInput};
use models_qwen::{Qwen2Moe, Qwen2MoeConfig};
use moe_layer::{BatchRows, Capacity};
use serde::Serialize;
use weights::{Checkpoint, Kept};

use crate::{
    cli::QwenArgs,
    device::DeviceChoice,
    exit::{Exit, Expected},
    ui::{self, Align},
};

/// Bytes that are read to learn how fast memory is, and how often.
const READ: usize = 1 << 30;
const READS: usize = 5;

/// Tokens that texts have before they go on.
const BEFORE: usize = 16;

/// How often a prompt is read; the middle time is taken.
const PROMPTS: usize = 3;

/// What was measured.
#[derive(Debug, Serialize)]
struct Measured {
    device: String,
    threads: usize,
    /// Bytes of the weights' files.
    file_bytes: u64,
    /// Seconds to read the files once, which leaves them in the page cache if they fit.
    read_s: f64,
    /// Seconds to load the model after that.
    load_s: f64,
    /// Memory of the process: the most at any time, and at the end that of its own and of mapped files.
    peak_resident_bytes: Option<u64>,
    anonymous_bytes: Option<u64>,
    mapped_file_bytes: Option<u64>,
    /// Bytes a second that memory gives when it is read in order.
    read_bandwidth: f64,
    /// Tokens of the prompt, and how many a second are read.
    prefill_tokens: usize,
    prefill_tokens_per_s: f64,
    /// Bytes of the files that the next token of one text has to read.
    bytes_per_token: u64,
    decode: Vec<Decoded>,
}

/// Texts that were written side by side.
#[derive(Debug, Serialize)]
struct Decoded {
    batch: usize,
    tokens: usize,
    /// Milliseconds of a step, the middle of all.
    step_ms: f64,
    tokens_per_s: f64,
    /// How much of the time memory would need for a token's bytes; of one text alone.
    share_of_bandwidth: Option<f64>,
}

pub(super) fn run(args: &QwenArgs) -> Result<Exit, Expected> {
    let choice: DeviceChoice = args.device.parse()?;
    let device = choice.open()?;
    let config = Qwen2MoeConfig::read(&args.folder)?;
    let files = Checkpoint::open(&args.folder, |name| Some(name.to_owned()))?;
    let bytes_per_token = config.bytes_per_token(&files);
    let longest = config.max_position_embeddings;
    let asked = (args.prefill as usize).max(BEFORE + args.tokens as usize);
    if asked > longest {
        return Err(Expected::new(
            Exit::Usage,
            format!("{asked} tokens of a text, and the model has {longest} places"),
            "ask for fewer with --prefill and --tokens",
        ));
    }
    ui::say("reading the files");
    let (file_bytes, read_s) = timed(|| read_through(&args.folder));
    let file_bytes = file_bytes
        .map_err(|error| Expected::io(format!("reading {}", args.folder.display()), error))?;
    ui::say("loading");
    let (model, load_s) = timed(|| Qwen2Moe::load(&args.folder, Kept::Stored, &device));
    let model = model?;
    ui::say("reading a prompt");
    let vocab = config.vocab_size;
    let prompt = ids(1, args.prefill as usize, vocab, &device);
    let prompts = (0..PROMPTS).map(|_| timed(|| step(&model, &prompt, 0, &mut model.cache())).1);
    let prefill_s = middle(prompts.collect());
    let steps = args.batch.iter().map(|&batch| {
        ui::say(&format!("writing, {batch} side by side"));
        let tokens = args.tokens as usize;
        (batch, decode(&model, batch.into(), tokens, vocab, &device))
    });
    let steps: Vec<(u16, f64)> = steps.collect();
    // Before memory is taken that only this measurement needs.
    let [peak, anonymous, mapped] = ["VmHWM:", "RssAnon:", "RssFile:"].map(status);
    let bandwidth = read_bandwidth(&device);
    let decoded = |(batch, step_s): (u16, f64)| Decoded {
        batch: batch.into(),
        tokens: args.tokens as usize,
        step_ms: 1e3 * step_s,
        tokens_per_s: f64::from(batch) / step_s,
        share_of_bandwidth: (batch == 1).then(|| bytes_per_token as f64 / bandwidth / step_s),
    };
    let measured = Measured {
        device: choice.to_string(),
        threads: rayon::current_num_threads(),
        file_bytes,
        read_s,
        load_s,
        decode: steps.into_iter().map(decoded).collect(),
        peak_resident_bytes: peak,
        anonymous_bytes: anonymous,
        mapped_file_bytes: mapped,
        read_bandwidth: bandwidth,
        prefill_tokens: args.prefill as usize,
        prefill_tokens_per_s: f64::from(args.prefill) / prefill_s,
        bytes_per_token,
    };
    if args.json {
        ui::json(&measured);
    } else {
        show(&measured);
    }
    Ok(Exit::Done)
}

/// What was measured, a line each.
fn show(measured: &Measured) {
    let memory = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), size);
    let mut rows = vec![
        ("files", size(measured.file_bytes)),
        ("files read once", duration(measured.read_s)),
        ("loaded in", duration(measured.load_s)),
        ("most memory", memory(measured.peak_resident_bytes)),
        ("own memory at the end", memory(measured.anonymous_bytes)),
        (
            "mapped files at the end",
            memory(measured.mapped_file_bytes),
        ),
        (
            "memory is read at",
            format!("{:.2} GB/s", measured.read_bandwidth / 1e9),
        ),
        ("a token has to read", size(measured.bytes_per_token)),
        (
            "prompt",
            format!(
                "{} tokens at {:.1} tokens/s",
                measured.prefill_tokens, measured.prefill_tokens_per_s
            ),
        ),
    ];
    let texts: Vec<(String, String)> = measured.decode.iter().map(text_of).collect();
    rows.extend(
        texts
            .iter()
            .map(|(name, text)| (name.as_str(), text.clone())),
    );
    let header = [("", Align::Left), (measured.device.as_str(), Align::Left)];
    let rows = rows
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value]);
    ui::data(&ui::plain_table(&header, rows.collect()));
}

/// What is said of texts that were written side by side.
fn text_of(decoded: &Decoded) -> (String, String) {
    let share = decoded
        .share_of_bandwidth
        .map_or_else(String::new, |share| {
            format!(", {:.0} % of what memory gives", 100.0 * share)
        });
    (
        format!("writing, {} at a time", decoded.batch),
        format!(
            "{:.1} ms a step, {:.2} tokens/s{share}",
            decoded.step_ms, decoded.tokens_per_s
        ),
    )
}

/// Bytes in a unit in which they are a number to read.
fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    if bytes < 1e9 {
        format!("{:.2} MB", bytes / 1e6)
    } else {
        format!("{:.2} GB", bytes / 1e9)
    }
}

/// Seconds likewise.
fn duration(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.1} ms", 1e3 * seconds)
    } else {
        format!("{seconds:.1} s")
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed().as_secs_f64())
}

fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Reads the weights' files from one end to the other: their bytes.
fn read_through(folder: &Path) -> io::Result<u64> {
    let mut piece = vec![0; 1 << 20];
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|end| end != "safetensors") {
            continue;
        }
        let mut file = File::open(path)?;
        loop {
            match file.read(&mut piece)? {
                0 => break,
                some => bytes += some as u64,
            }
        }
    }
    Ok(bytes)
}

fn read_bandwidth(device: &Device) -> f64 {
    let reading = Reading::new(device, READ);
    let bytes = reading.bytes() as f64;
    let times = (0..READS).map(|_| timed(|| reading.run()).1);
    bytes / middle(times.collect())
}

/// Token ids that are spread over the vocabulary, `[B, S]`.
fn ids(batch: usize, length: usize, vocab: usize, device: &Device) -> Tensor<2, Int> {
    let ids: Vec<i32> = (0..batch * length)
        .map(|place| ((place * 7919 + 13) % vocab) as i32)
        .collect();
    Tensor::from_data(TensorData::new(ids, [batch, length]), device)
}

/// Reads tokens behind those in the cache, waits, and gives the likeliest next ones.
fn step<M: Decoder>(
    model: &M,
    ids_bs: &Tensor<2, Int>,
    before: usize,
    cache: &mut M::Cache,
) -> Tensor<2, Int> {
    let [batch, length] = ids_bs.dims();
    let input = DecoderInput::from(&LmInput {
        ids_bs: ids_bs.clone(),
        texts: None,
        noise_seed: 0,
        capacity: Capacity::Evaluation,
        precision: Precision::F32,
    });
    let input = DecoderInput {
        places_bs: input.places_bs + before as i64,
        rows: BatchRows::equal(batch, length),
        ..input
    };
    let likeliest = model.decode(&input, cache).argmax(1);
    // Reading the ids back waits for the device.
    let data = likeliest.to_data();
    Tensor::from_data(data, &likeliest.device())
}

/// Seconds of a step in the middle of all.
fn decode(model: &Qwen2Moe, batch: usize, tokens: usize, vocab: usize, device: &Device) -> f64 {
    let mut cache = model.cache();
    let mut next = step(model, &ids(batch, BEFORE, vocab, device), 0, &mut cache);
    let times = (0..tokens).map(|written| {
        let (after, seconds) = timed(|| step(model, &next, BEFORE + written, &mut cache));
        next = after;
        seconds
    });
    middle(times.collect())
}

/// A line of what the kernel says of this process, in bytes.
fn status(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kilobytes)
}
