//! `xp bench qwen`: how fast a pretrained model is loaded, reads a prompt and writes.

use std::{path::PathBuf, time::Duration};

use peers::{Beside, Decoded, Launch, Llama, QwenError, QwenOptions, QwenSpeed};

use crate::{
    cli::QwenArgs,
    device::DeviceChoice,
    exit::{Exit, Expected},
    ui::{self, Align},
};

pub(super) fn run(args: &QwenArgs) -> Result<Exit, Expected> {
    super::compute_with(None)?;
    let choice: DeviceChoice = args.device.parse()?;
    if args.profile && choice != DeviceChoice::Cpu {
        let message =
            format!("--profile listens to operations of the CPU, and the device is {choice}");
        return Err(Expected::new(
            Exit::Usage,
            message,
            "leave it out, or use --device cpu",
        ));
    }
    let device = choice.open()?;
    let measured = peers::qwen(&options(args, choice), &device, &mut |text| ui::say(text))?;
    if args.json {
        let mut json = serde_json::to_value(&measured).expect("own types have text keys");
        json["device"] = choice.to_string().into();
        ui::json(&json);
    } else {
        show(&choice.to_string(), &measured);
    }
    Ok(Exit::Done)
}

fn options(args: &QwenArgs, choice: DeviceChoice) -> QwenOptions {
    let threads = rayon::current_num_threads();
    let python = args.python.clone().map(|python| Launch {
        python,
        programs: args.programs.clone(),
        device: choice.to_string(),
        threads,
        work: args.work.join("peers"),
        patience: Duration::from_mins(10),
    });
    let llama = |program: &PathBuf| Llama {
        program: program.clone(),
        file: args.gguf.clone().expect("clap asks for both"),
        threads,
    };
    QwenOptions {
        folder: args.folder.clone(),
        prefill: args.prefill as usize,
        tokens: args.tokens as usize,
        batches: args.batch.iter().map(|&batch| batch.into()).collect(),
        python,
        llama: args.llama_bench.as_ref().map(llama),
        pause: Duration::from_millis(args.pause.into()),
        profile: args.profile,
    }
}

impl From<QwenError> for Expected {
    fn from(error: QwenError) -> Self {
        match error {
            QwenError::Weights(error) => error.into(),
            QwenError::Peer(error) => error.into(),
            QwenError::Long { .. } => Self::new(
                Exit::Usage,
                error.to_string(),
                "ask for fewer with --prefill and --tokens",
            ),
            QwenError::Whole(_) => Self::new(
                Exit::Usage,
                error.to_string(),
                "name a folder in four bits, such as `xp forge --quant int4` writes, or leave --python out",
            ),
            _ => Self::new(Exit::Missing, error.to_string(), "name another folder"),
        }
    }
}

/// What was measured, a line each.
fn show(device: &str, measured: &QwenSpeed) {
    let memory = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), size);
    let named = |name: &str, text: String| (name.to_owned(), text);
    let mut rows = vec![
        named("files", size(measured.file_bytes)),
        named("files read once", duration(measured.read_s)),
        named("loaded in", duration(measured.load_s)),
        named("most memory", memory(measured.peak_resident_bytes)),
        named("own memory at the end", memory(measured.anonymous_bytes)),
        named(
            "mapped files at the end",
            memory(measured.mapped_file_bytes),
        ),
        named(
            "memory is read at",
            format!("{:.2} GB/s", measured.floor.read_bandwidth / 1e9),
        ),
        named("a token has to read", size(measured.bytes_per_token)),
        named(
            "prompt",
            format!(
                "{} tokens at {:.1} tokens/s",
                measured.prefill_tokens, measured.prefill_tokens_per_s
            ),
        ),
    ];
    rows.extend(measured.decode.iter().map(text_of));
    let floor = &measured.floor;
    rows.push(named(
        "writing beside reading, in turn",
        format!(
            "{:.1} ms a step, {:.1} ms for as many bytes: {:.0} % of what memory gives",
            floor.step_ms,
            floor.least_ms,
            100.0 * floor.share
        ),
    ));
    if let Some(llama) = &measured.llama {
        let text = format!(
            "prompt at {:.1} tokens/s, writing, 1 at a time, {:.2} tokens/s",
            llama.prefill_tokens_per_s, llama.decode_tokens_per_s
        );
        rows.push(named("llama.cpp", text));
    }
    rows.extend(measured.beside.iter().map(beside));
    let header = [("", Align::Left), (device, Align::Left)];
    let rows = rows.into_iter().map(|(name, value)| vec![name, value]);
    ui::data(&ui::plain_table(&header, rows.collect()));
    if !measured.profile.is_empty() {
        super::bench_step::operations(&measured.profile);
    }
}

/// What is said of texts that were written side by side.
fn text_of(decoded: &Decoded) -> (String, String) {
    (
        format!("writing, {} at a time", decoded.batch),
        format!(
            "{:.1} ms a step, {:.2} tokens/s",
            decoded.step_ms, decoded.tokens_per_s
        ),
    )
}

/// What is said of a program beside us.
fn beside(beside: &Beside) -> (String, String) {
    let Beside {
        work,
        program,
        ours_ms,
        theirs_ms,
        times,
    } = beside;
    (
        program.clone(),
        format!("{work}: {ours_ms:.1} ms ours, {theirs_ms:.1} ms theirs: {times:.2} times"),
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
