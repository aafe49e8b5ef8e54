//! `xp quantise`: a model with its maps in four bits.

use std::{fs, io, path::Path};

use corpora::{CorpusConfig, PretrainedTokenizer, valid_windows};
use models_qwen::{Quantise, QuantiseError};
use quant_gptq::{GptqConfig, MapReport, Rounding};
use serde_json::json;
use weights::WeightsError;

use super::eval::TOGETHER;
use crate::{
    cli::QuantiseArgs,
    device::DeviceChoice,
    exit::{Exit, Expected},
    inline,
    jobs::token_batch,
    ui,
};

pub(super) fn run(args: &QuantiseArgs) -> Result<Exit, Expected> {
    super::compute_with(None)?;
    let config = settings(&args.settings)?;
    let device = args.device.parse::<DeviceChoice>()?.open()?;
    let data = args.data.dir();
    let from = match Path::new(&args.model) {
        folder if folder.is_dir() => folder.to_owned(),
        _ => corpora::model_folder(&args.model, &data)?,
    };
    let tokenizer = PretrainedTokenizer::read(&from.join("tokenizer.json"))?;
    let text = match fs::read_to_string(&args.corpus) {
        Ok(text) => text,
        Err(error) => corpora::train_text(&corpus(&args.corpus, &error)?, &data)?,
    };
    let ids = tokenizer.encode(&text)?;
    let windows = valid_windows(&ids, args.sequence.get(), TOGETHER, args.windows.get())?;
    let texts: Vec<_> = windows.map(token_batch).collect();
    let quantise = Quantise {
        from: &from,
        to: &args.out,
        config: &config,
        texts: &texts,
        device: &device,
    };
    let bar = ui::count_bar(quantise.maps()?, "maps");
    let maps = quantise.run(|_| bar.inc(1));
    bar.finish_and_clear();
    let maps = maps?;
    if args.json {
        ui::json(&json!({ "folder": args.out, "maps": maps }));
    } else {
        tell(&args.out, &maps);
    }
    Ok(Exit::Done)
}

/// The settings of a `[quantise]` table.
fn settings(text: &str) -> Result<GptqConfig, Expected> {
    inline::value(&format!("{{ {text} }}")).map_err(|problem| {
        let help = "write it as in a sweep file; `xp schema --defaults` shows all settings";
        Expected::new(Exit::Usage, format!("--settings: {problem}"), help)
    })
}

/// A corpus by its name; `error` says why no file goes by it.
fn corpus(name: &str, error: &io::Error) -> Result<CorpusConfig, Expected> {
    let names = CorpusConfig::MEMBERS.iter().map(|member| member.name);
    inline::member(name).map_err(|_| {
        let names: Vec<_> = names.collect();
        Expected::new(
            Exit::Missing,
            format!("{name} is no text that can be read ({error}), and no corpus"),
            format!("name a file of text, or one of {}", names.join(", ")),
        )
    })
}

impl From<QuantiseError> for Expected {
    fn from(error: QuantiseError) -> Self {
        match error {
            QuantiseError::Weights(error @ WeightsError::Write { .. }) => {
                let help = "free some space, or name another folder";
                Self::new(Exit::Store, error.to_string(), help)
            }
            QuantiseError::Weights(error) => error.into(),
            other => {
                let text = other.to_string();
                let (message, help) = text
                    .split_once("; ")
                    .unwrap_or((&text, "see `xp quantise --help`"));
                Self::new(Exit::Usage, message, help.to_owned())
            }
        }
    }
}

/// What became of the maps, in a few lines.
fn tell(folder: &Path, maps: &[MapReport]) {
    let sum = |error: fn(&MapReport) -> f64| maps.iter().map(error).sum::<f64>();
    let share = 100.0 * sum(|map| map.error) / sum(|map| map.nearest_error);
    let few = maps
        .iter()
        .filter(|map| map.rounding == Rounding::Nearest)
        .count();
    let read = maps.iter().filter(|map| map.expert.is_some());
    let experts = match (
        read.clone().map(|map| map.tokens).min(),
        read.map(|map| map.tokens).max(),
    ) {
        (Some(least), Some(most)) => {
            format!("; experts read {least} to {most} calibration tokens")
        }
        _ => String::new(),
    };
    ui::data(&format!(
        "{}: {} maps in four bits, {few} of them rounded to the nearest numbers{experts}\n\
         errors of the maps' outputs are {share:.1} % of those of rounding to the nearest numbers\n",
        folder.display(),
        maps.len(),
    ));
}
