//! PyTorch's way on the same files: each map unpacked when it is needed and multiplied then, expert by expert.

use burn::tensor::{DType, TensorData};
use lm::Decoder;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    BEFORE, PROMPTS, QwenOptions,
    ours::{Ours, ids},
    rounds,
};
use crate::{
    PeersError,
    agreement::compare,
    process::{Answer, Launch, Peer},
    rounds::{Contender, Spread, play},
    tensors::{Tensors, read},
};

/// The types in which it multiplies, and how far the logits of a prompt may be from ours, of the largest.
const TYPES: [(&str, f64); 2] = [("float32", 1e-3), ("bfloat16", 5e-2)];

/// One of its ways beside ours.
#[derive(Debug, Clone, Serialize)]
pub struct Beside {
    /// What was done.
    pub work: String,
    /// By which program, in which type.
    pub program: String,
    /// Our milliseconds, the middle of all.
    pub ours_ms: f64,
    /// Theirs.
    pub theirs_ms: f64,
    /// Theirs over ours.
    pub times: f64,
}

/// Holds PyTorch's logits of the prompt against ours, then takes turns.
pub(super) fn beside(
    options: &QwenOptions,
    launch: &Launch,
    ours: Ours<'_>,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<Beside>, PeersError> {
    let mut found = Vec::new();
    for (dtype, apart) in TYPES {
        let (mut peer, hello) = Peer::start(launch, &format!("qwen-{dtype}"))?;
        let program = format!("PyTorch {}, {dtype}", hello.torch);
        tell(&program);
        let folder = &options.folder;
        ask(
            &mut peer,
            &json!({"op": "qwen", "folder": folder, "dtype": dtype}),
        )?;
        if let Some(why) = disagrees(options, launch, ours, (&mut peer, apart))? {
            // Whom a router prefers by less than rounding decides whole rows.
            tell(&format!("{program} is not timed: {why}"));
            continue;
        }
        let prompt = ids(1, options.prefill, ours.vocab);
        let mut theirs = Theirs {
            next: prompt,
            before: 0,
            writes: false,
            peer: &mut peer,
        };
        let work = format!("prompt of {} tokens", options.prefill);
        let mut own = ours.prompt(options.prefill);
        let turns = rounds(PROMPTS, options.pause);
        found.push(taken(&program, work, &mut own, &mut theirs, turns)?);
        for &batch in &options.batches {
            let mut theirs = Theirs {
                next: ids(batch, BEFORE, ours.vocab),
                before: 0,
                writes: true,
                peer: &mut peer,
            };
            theirs.step().map_err(PeersError::Peer)?;
            let work = format!("writing, {batch} at a time");
            let mut own = ours.writing(batch, BEFORE);
            // A warm-up and the samples: as many tokens as were asked for.
            let turns = rounds(options.tokens.saturating_sub(1).max(1), options.pause);
            found.push(taken(&program, work, &mut own, &mut theirs, turns)?);
        }
    }
    Ok(found)
}

fn ask(peer: &mut Peer, request: &Value) -> Result<Value, PeersError> {
    match peer.ask(request)? {
        Answer::Good(answer) => Ok(answer),
        Answer::Unavailable(reason) | Answer::Failed(reason) => {
            Err(PeersError::Peer(format!("failed: {reason}")))
        }
    }
}

/// Why the logits behind the prompt are not the same, if so: then nothing is timed.
fn disagrees(
    options: &QwenOptions,
    launch: &Launch,
    ours: Ours<'_>,
    (peer, apart): (&mut Peer, f64),
) -> Result<Option<String>, PeersError> {
    let prompt = ids(1, options.prefill, ours.vocab);
    let path = launch.work.join("qwen-logits.safetensors");
    ask(
        peer,
        &json!({"op": "read", "ids": prompt, "before": 0, "logits": path}),
    )?;
    let theirs = read(&path)?;
    let logits = ours.logits(&prompt, 0, &mut ours.model.cache());
    let shape = logits.dims();
    let logits: Vec<f32> = logits.into_data().iter::<f32>().collect();
    let logits = TensorData::new(logits, shape).convert_dtype(DType::F32);
    let own = Tensors::from([("logits".to_owned(), logits)]);
    Ok(match compare(&own, &theirs) {
        Ok(found) if found.worst <= apart => None,
        Ok(found) => Some(format!(
            "its logits are {:.1e} of the largest from ours, and {apart:.0e} are allowed",
            found.worst
        )),
        Err(reason) => Some(reason),
    })
}

fn taken(
    program: &str,
    work: String,
    ours: &mut dyn Contender,
    theirs: &mut dyn Contender,
    turns: crate::rounds::Rounds,
) -> Result<Beside, PeersError> {
    let samples = play(&mut [ours, theirs], turns);
    let mut middles = Vec::new();
    for taken in samples {
        let spread = Spread::of(&taken.map_err(PeersError::Peer)?);
        middles.push(1e3 * spread.map_or(f64::NAN, |spread| spread.median));
    }
    Ok(Beside {
        work,
        program: program.to_owned(),
        ours_ms: middles[0],
        theirs_ms: middles[1],
        times: middles[1] / middles[0],
    })
}

/// What PyTorch reads, again and again or one token behind another.
struct Theirs<'a> {
    peer: &'a mut Peer,
    next: Vec<Vec<i32>>,
    before: usize,
    writes: bool,
}

impl Theirs<'_> {
    fn step(&mut self) -> Result<f64, String> {
        let request =
            json!({"op": "read", "ids": self.next, "before": self.before, "logits": null});
        let answer = ask(self.peer, &request).map_err(|error| error.to_string())?;
        let seconds = answer["seconds"].as_f64();
        let next: Option<Vec<i32>> = serde_json::from_value(answer["next"].clone()).ok();
        let (Some(seconds), Some(next)) = (seconds, next) else {
            return Err(format!("answered {answer}"));
        };
        if self.writes {
            self.before += self.next[0].len();
            self.next = next.into_iter().map(|id| vec![id]).collect();
        }
        Ok(seconds)
    }
}

impl Contender for Theirs<'_> {
    fn sample(&mut self) -> Result<f64, String> {
        self.step()
    }
}
