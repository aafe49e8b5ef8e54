//! What a trial asks of the model in full.

use super::settings::QuantiseSettings;
use crate::jobs::{
    context::JobError, data_rules::DataRules, pretrained::too_long, settings::SettingProblem,
};

/// The model is a Qwen2-MoE whose places windows fit.
pub(super) fn base(
    rules: &mut DataRules<'_>,
    settings: &QuantiseSettings,
) -> Result<Vec<SettingProblem>, JobError> {
    let model = &settings.base.model;
    let Some(config) = rules.qwen2_moe(model)? else {
        return Ok(Vec::new());
    };
    let sequences = [
        ("calibration.sequence", settings.calibration.sequence.get()),
        ("evaluation.sequence", settings.evaluation.sequence.get()),
    ];
    let long = sequences.map(|sequence| too_long(sequence, model, config));
    Ok(long.into_iter().flatten().collect())
}
