//! A model that a trial kept.

use std::{fs, path::Path};

use burn::tensor::Device;
use corpora::{FetchPolicy, Tokenizer};
use lm::{DataDims, LmConfig};
use routers::StrategyConfig;
use runstore::TrialId;
use serde::Deserialize;

use super::{AnyModel, NamedModel, files};
use crate::{
    cli::Places,
    exit::{Exit, Expected},
    jobs::{FinetuneSettings, ModelConfig, TrainSettings, of_model},
    recorded::stores,
};

/// The `config.json` beside the weights: the settings of the trial's job.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KeptSettings {
    Train(Box<TrainSettings>),
    Finetune(Box<FinetuneSettings>),
}

/// Builds the trial's model anew and gives it the weights that it ended with.
pub(super) fn load(
    id: &TrialId,
    folder: &Path,
    places: &Places,
    device: &Device,
) -> Result<NamedModel, Expected> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path)
            .map_err(|source| Expected::io(format!("read {}", path.display()), source))
    };
    let damaged = |name: &str, problem: String| {
        Expected::new(
            Exit::Store,
            format!("{} is damaged: {problem}", folder.join(name).display()),
            "remove the trial's folder and run it again with `--set save=last`",
        )
    };
    let settings = serde_json::from_str(&read("config.json")?)
        .map_err(|error| damaged("config.json", error.to_string()))?;
    let settings = match settings {
        KeptSettings::Train(settings) => settings,
        KeptSettings::Finetune(settings) => {
            let base = &settings.base;
            let whole = corpora::model_folder(&base.model, &places.data.dir())?;
            let named = files::load(&whole, base.kept(), device)?;
            // Where nothing was learned, nothing was kept.
            let files = ["adapter_config.json", "perft.json", "routers.json"];
            let learned = files.iter().any(|file| folder.join(file).exists());
            return if learned {
                named.adapted(folder, places)
            } else {
                named.check_base(folder, places)?;
                Ok(named)
            };
        }
    };
    let tokenizer = Tokenizer::from_json(&read("tokenizer.json")?)
        .map_err(|error| damaged("tokenizer.json", error.to_string()))?;
    let dims = DataDims {
        seed: seed(id, places)?,
        token_counts: token_counts(&settings, places)?,
        ..DataDims::new(tokenizer.vocab_size(), settings.train.sequence.get())
    };
    let path = folder.join("model.safetensors");
    let model = of_model!(ModelConfig, &settings.model, config => {
        AnyModel::from(with_parameters(config, &settings, &dims, &path, device)?)
    });
    Ok(NamedModel {
        model,
        stop_ids: tokenizer.separator().into_iter().collect(),
        tokenizer,
        folder: None,
    })
}

fn with_parameters<C: LmConfig>(
    config: &C,
    settings: &TrainSettings,
    dims: &DataDims,
    path: &Path,
    device: &Device,
) -> Result<C::Model, Expected> {
    let help = "run the trial again with `--set save=last`";
    let model = config
        .build(&settings.moe, &settings.router, dims, device)
        .map_err(|error| Expected::new(Exit::Store, error.to_string(), help))?;
    lm::load_parameters(model, path)
        .map_err(|error| Expected::new(Exit::Store, error.to_string(), help))
}

/// The trial's seed, from which tables follow that are no parameters.
fn seed(id: &TrialId, places: &Places) -> Result<u64, Expected> {
    for store in stores(&places.work)? {
        if let Some(row) = store.row(id)? {
            return Ok(row.seed);
        }
    }
    Err(Expected::new(
        Exit::Store,
        format!("the row of trial {id} is gone"),
        "run the trial again with `--set save=last`",
    ))
}

/// How often the training text has each token, which the balanced table of `hash` is made from.
fn token_counts(
    settings: &TrainSettings,
    places: &Places,
) -> Result<Option<std::sync::Arc<[u64]>>, Expected> {
    if !matches!(settings.router.strategy, StrategyConfig::Hash(_)) {
        return Ok(None);
    }
    let data = &settings.data;
    let policy = FetchPolicy::Never;
    let dataset = corpora::load(&data.corpus, &data.tokenizer, &places.data.dir(), policy)?;
    let vocab = dataset.tokenizer.vocab_size();
    Ok(Some(
        corpora::token_counts(&dataset.train.ids, vocab).into(),
    ))
}
