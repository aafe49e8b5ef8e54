//! `xp eval`: how well a language model predicts a text, with its own routers and with others.

use std::{fs, io, num::NonZeroUsize, path::Path};

use corpora::valid_windows;
use kernels::Precision;
use lm::{CausalLm, TokenBatch};
use moe_layer::{
    LayerDims, MoeOutput, Replaced, Replacement, RouterInit, RoutingTrace, replace_routers,
};
use serde::Serialize;

use crate::{
    cli::EvalArgs,
    device::DeviceChoice,
    exit::{Exit, Expected},
    inline,
    jobs::{all_at_most, of_model, router_sizes, token_batch},
    language::{AnyModel, NamedModel},
    ui,
};

/// Windows that a model reads at once.
pub(super) const TOGETHER: usize = 8;

/// The window of a model that was trained on longer ones.
const WINDOW: usize = 256;

/// How well a model predicts a text, and how its routers are used.
#[derive(Serialize)]
struct Measured {
    perplexity: Option<f64>,
    nats_per_token: f64,
    tokens: usize,
    layers: Vec<MeasuredLayer>,
}

/// How the router of one mixture is used; nothing where it scores nothing.
#[derive(Serialize)]
struct MeasuredLayer {
    layer: usize,
    router_entropy: Option<f64>,
    load_cv: Option<f64>,
}

/// What is printed: the model as it is, and with other routers.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    own: Measured,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced: Option<Measured>,
}

pub(super) fn run(args: &EvalArgs) -> Result<Exit, Expected> {
    super::compute_with(None)?;
    let other = asked(args)?;
    let text = fs::read_to_string(&args.text).map_err(|source| unreadable(&args.text, source))?;
    let text = match args.chars {
        Some(chars) => text.chars().take(chars.get()).collect(),
        None => text,
    };
    let device = args.device.parse::<DeviceChoice>()?.open()?;
    let mut named = NamedModel::load(&args.model, &args.places, &device)?;
    if let Some(folder) = &args.adapter {
        named = named.adapted(folder, &args.places)?;
    }
    let ids = named.tokenizer.encode(&text)?;
    let positions = named.model.limits().positions;
    let usual = || NonZeroUsize::new(WINDOW.min(positions)).unwrap_or(NonZeroUsize::MIN);
    let sequence = args.sequence.unwrap_or_else(usual).get();
    if sequence > positions {
        return Err(Expected::new(
            Exit::Usage,
            format!(
                "windows of {sequence} tokens are longer than the {positions} places of the model"
            ),
            format!("--sequence is at most {positions} for this model"),
        ));
    }
    let windows = valid_windows(&ids, sequence, 1, 0)?.map(token_batch);
    let mut windows: Vec<_> = windows.collect();
    let measured = args.windows.map_or(windows.len(), NonZeroUsize::get);
    let mut behind = windows.split_off(measured.min(windows.len()));
    behind.truncate(args.fit_windows.get());
    if matches!(args.init, RouterInit::Distil(_)) && behind.is_empty() {
        return Err(Expected::new(
            Exit::Usage,
            format!(
                "--init distil learns from the windows behind those that are measured, and all {measured} \
                 of the text are measured"
            ),
            format!("give a --windows below {measured}, or a longer text"),
        ));
    }
    let text = Text {
        measured: together(&windows),
        behind: together(&behind),
    };
    let other = other.map(|other| (other, args.seed));
    let shown = of_model!(AnyModel, named.model, model => measure(model, &text, other.as_ref()));
    let shown = shown.map_err(|error| match error {
        Failed::Numbers { whose, what } => Expected::new(
            Exit::Usage,
            format!("with {whose} routers {what} are not all finite numbers, so nothing can be measured"),
            "numbers of the model or settings of --router are too large; a model in f16 overflows where one \
             in bf16 or f32 does not",
        ),
        Failed::Text(error) => {
            told(&error.to_string(), "take the tokenizer that belongs to the model")
        }
        Failed::Router(error) => told(&error.to_string(), "see `xp schema`"),
    })?;
    if args.json {
        ui::json(&shown);
    } else {
        tell("", &shown.own);
        if let Some(replaced) = &shown.replaced {
            tell("with the other routers: ", replaced);
        }
    }
    Ok(Exit::Done)
}

/// The routers that take the place of a model's own.
fn asked(args: &EvalArgs) -> Result<Option<Replacement>, Expected> {
    let Some(settings) = &args.router else {
        return Ok(None);
    };
    let router = inline::value(&format!("{{ {settings} }}")).map_err(|problem| {
        let help = "write it as in a sweep file; `xp schema --defaults` shows all settings";
        Expected::new(Exit::Usage, format!("--router: {problem}"), help)
    })?;
    let mut problems = router_sizes(&router);
    problems.extend(all_at_most("init", &args.init));
    match problems.into_iter().next() {
        Some(problem) => Err(Expected::new(Exit::Usage, problem.message, problem.help)),
        None => Ok(Some(Replacement {
            router,
            init: args.init.clone(),
            shared_gate: args.shared_gate,
        })),
    }
}

/// Windows that are measured, and those behind them.
struct Text {
    measured: Vec<TokenBatch>,
    behind: Vec<TokenBatch>,
}

/// Single windows as batches.
fn together(windows: &[TokenBatch]) -> Vec<TokenBatch> {
    let all = |windows: &[TokenBatch], ids: fn(&TokenBatch) -> &Vec<u32>| {
        windows.iter().flat_map(ids).copied().collect()
    };
    let batch = |windows: &[TokenBatch]| TokenBatch {
        inputs: all(windows, |window| &window.inputs),
        targets: all(windows, |window| &window.targets),
        counted: None,
        texts: None,
        rows: windows.len(),
        length: windows[0].length,
    };
    windows.chunks(TOGETHER).map(batch).collect()
}

/// What keeps a model from being measured.
enum Failed {
    Text(lm::LmError),
    Router(moe_layer::ReplaceError),
    /// What should be numbers, of a pass with whose routers.
    Numbers {
        whose: &'static str,
        what: String,
    },
}

/// An error whose text says what to do behind a semicolon.
fn told(text: &str, otherwise: &str) -> Expected {
    let (message, help) = text.split_once("; ").unwrap_or((text, otherwise));
    Expected::new(Exit::Usage, message, help)
}

fn measure<M: CausalLm>(
    model: M,
    text: &Text,
    other: Option<&(Replacement, u64)>,
) -> Result<Shown, Failed> {
    let own = measured(&model, &text.measured, "its own")?;
    let Some((other, seed)) = other else {
        let replaced = None;
        return Ok(Shown { own, replaced });
    };
    let hidden = match other.init {
        RouterInit::Distil(_) => lm::mixture_inputs(&model, &text.behind).map_err(Failed::Text)?,
        _ => Vec::new(),
    };
    let dims = LayerDims::new(1, model.limits().vocab);
    model.device().seed(*seed);
    let (model, _, told) = replace_routers(model, other, &dims, &hidden).map_err(Failed::Router)?;
    told.iter()
        .map(Replaced::to_string)
        .for_each(|line| ui::say(&line));
    Ok(Shown {
        own,
        replaced: Some(measured(&model, &text.measured, "the other")?),
    })
}

/// A text that cannot be read.
fn unreadable(path: &Path, source: io::Error) -> Expected {
    if source.kind() == io::ErrorKind::NotFound {
        let message = format!("there is no text {}", path.display());
        return Expected::new(Exit::Missing, message, "name a file of text with --text");
    }
    if source.kind() == io::ErrorKind::InvalidData {
        let message = format!("{} is no text in UTF-8", path.display());
        return Expected::new(
            Exit::Usage,
            message,
            "name a file of plain text with --text",
        );
    }
    Expected::io(format!("read {}", path.display()), source)
}

fn measured<M: CausalLm>(
    model: &M,
    batches: &[TokenBatch],
    whose: &'static str,
) -> Result<Measured, Failed> {
    let mut losses = Vec::new();
    let mut traces: Vec<RoutingTrace> = Vec::new();
    for batch in batches {
        let (forward, means) =
            lm::read_windows(model, batch, Precision::F32).map_err(Failed::Text)?;
        let infinite = |what: String| Err(Failed::Numbers { whose, what });
        // What chooses by numbers that are none chooses something, which is no measure of anything.
        if let Some(place) = forward
            .layers
            .iter()
            .position(|layer| !scores_are_finite(layer))
        {
            let (number, _) = model.mixtures()[place];
            return infinite(format!("the scores of the router of layer {number}"));
        }
        if let Some(row) = means.iter().position(|mean| !mean.is_finite()) {
            return infinite(format!("the logits of window {}", losses.len() + row));
        }
        losses.extend(means);
        let more = forward.layers.iter().map(moe_layer::MoeOutput::trace);
        traces = if traces.is_empty() {
            more.collect()
        } else {
            let both = traces.into_iter().zip(more);
            both.map(|(trace, more)| trace.merge(more)).collect()
        };
    }
    let nats = losses.iter().sum::<f64>() / losses.len() as f64;
    let numbers = model.mixtures().into_iter().map(|(number, _)| number);
    let layers = numbers.zip(traces).map(|(layer, trace)| {
        let reading = trace.read();
        MeasuredLayer {
            layer,
            router_entropy: reading
                .router_entropy
                .map(|sum| sum / reading.tokens as f64),
            load_cv: metrics::load::load_cv(&reading.assignments_before),
        }
    });
    Ok(Measured {
        perplexity: metrics::language::perplexity(nats),
        nats_per_token: nats,
        tokens: batches.iter().map(|batch| batch.targets.len()).sum(),
        layers: layers.collect(),
    })
}

/// Whether all that the routers of a mixture chose by are numbers.
fn scores_are_finite(layer: &MoeOutput) -> bool {
    let mut scores = layer
        .rounds
        .iter()
        .filter_map(|round| round.routing.scores.as_ref());
    scores.all(|scores| {
        let logits_te = scores.logits_te.clone();
        // A number less itself is 0, and anything else is none; a largest one would pass over those.
        (logits_te.clone() - logits_te)
            .abs()
            .sum()
            .into_scalar::<f32>()
            == 0.0
    })
}

/// Says it in words.
fn tell(what: &str, measured: &Measured) {
    let Measured {
        nats_per_token,
        tokens,
        layers,
        ..
    } = measured;
    let perplexity = nats_per_token.exp();
    let mut text = format!(
        "{what}perplexity {perplexity:.4} per token, {nats_per_token:.5} nats per token, over {tokens} \
         tokens\n"
    );
    for MeasuredLayer {
        layer,
        router_entropy,
        load_cv,
    } in layers
    {
        let number =
            |value: &Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
        text.push_str(&format!(
            "  layer {layer}: router entropy {} nats, load CV {}\n",
            number(router_entropy),
            number(load_cv)
        ));
    }
    ui::data(&text);
}
