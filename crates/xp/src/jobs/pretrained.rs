//! Configurations of pretrained models, which settings are held against.

use models_qwen::Qwen2MoeConfig;

use super::{
    context::JobError,
    data_rules::{DataRules, problem},
    settings::SettingProblem,
};

/// The models that were looked at.
#[derive(Default)]
struct Known(Vec<(String, Qwen2MoeConfig)>);

impl DataRules<'_> {
    /// The configuration of a Qwen2-MoE, read once; `None` where the model is not here.
    pub(super) fn qwen2_moe(&mut self, model: &str) -> Result<Option<&Qwen2MoeConfig>, JobError> {
        let known = &mut self.found.of::<Known>().0;
        let at = known.iter().position(|(name, _)| name == model);
        let at = match at {
            Some(at) => at,
            None => match corpora::model_folder(model, self.data) {
                Ok(folder) => {
                    known.push((model.to_owned(), Qwen2MoeConfig::read(&folder)?));
                    known.len() - 1
                }
                Err(error) if error.is_missing() => return Ok(None),
                Err(error) => return Err(error.into()),
            },
        };
        Ok(Some(&known[at].1))
    }
}

/// Windows of so many tokens, set at this path, that a model has no places for.
pub(super) fn too_long(
    (path, sequence): (&'static str, usize),
    model: &str,
    config: &Qwen2MoeConfig,
) -> Option<SettingProblem> {
    let places = config.max_position_embeddings;
    (sequence > places).then(|| {
        let text = format!(
            "windows of {sequence} tokens, and {model} has {places} places; make them shorter"
        );
        problem(&text, &[path, "base.model"])
    })
}
