//! What a trial asks of the model in full.

use models_qwen::Qwen2MoeConfig;

use super::settings::QuantiseSettings;
use crate::jobs::{
    context::JobError,
    data_rules::{DataRules, problem},
    settings::SettingProblem,
};

/// The models that were looked at.
#[derive(Default)]
struct Known(Vec<(String, Qwen2MoeConfig)>);

/// The model is a Qwen2-MoE whose places windows fit.
pub(super) fn base(
    rules: &mut DataRules<'_>,
    settings: &QuantiseSettings,
) -> Result<Vec<SettingProblem>, JobError> {
    let (data, known) = (rules.data, &mut rules.found.of::<Known>().0);
    let model = &settings.base.model;
    if !known.iter().any(|(name, _)| name == model) {
        let folder = match corpora::model_folder(model, data) {
            Ok(folder) => folder,
            Err(error) if error.is_missing() => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        known.push((model.clone(), Qwen2MoeConfig::read(&folder)?));
    }
    let mut models = known.iter();
    let (_, config) = models
        .find(|(name, _)| name == model)
        .expect("it is there or was just added");
    let places = config.max_position_embeddings;
    let sequences = [
        ("calibration.sequence", settings.calibration.sequence.get()),
        ("evaluation.sequence", settings.evaluation.sequence.get()),
    ];
    let long = sequences
        .into_iter()
        .filter(|(_, sequence)| *sequence > places);
    Ok(long
        .map(|(path, sequence)| {
            let text = format!(
                "windows of {sequence} tokens, and {model} has {places} places; make them shorter"
            );
            problem(&text, &[path, "base.model"])
        })
        .collect())
}
