//! `k-by-layer`: a number of experts for each layer.

use models_tiny::TinyMoeConfig;
use moe_layer::MoeConfig;
use routers::RouterConfig;

use super::ModelConfig;
use crate::jobs::settings::{SettingProblem, rules};

/// Where they stand.
const PATH: &str = "model.tiny-moe.k-by-layer";

/// Writes the budgets that are really used, so that the same work has the same id: what the strategy makes of each,
/// one `k` for all where they are equal, and else the largest of them as the `k` that no layer has of its own.
pub(in crate::jobs::train) fn resolve(
    model: &mut ModelConfig,
    moe: &mut MoeConfig,
    router: &RouterConfig,
) {
    let ModelConfig::TinyMoe(tiny) = model else {
        return;
    };
    if problem_of(tiny, moe).is_some() {
        return;
    }
    let Some(mut budgets) = tiny.k_by_layer.take() else {
        return;
    };
    for k in &mut budgets {
        *k = rules::used_k(*k, moe, router);
    }
    moe.k = budgets.iter().copied().max().unwrap_or(moe.k);
    if budgets.iter().any(|k| *k != moe.k) {
        tiny.k_by_layer = Some(budgets);
    }
}

/// Budgets that do not fit the model.
pub(super) fn problem(model: &ModelConfig, moe: &MoeConfig) -> Option<SettingProblem> {
    match model {
        ModelConfig::TinyMoe(tiny) => problem_of(tiny, moe),
        ModelConfig::Qwen2Moe(_) => None,
    }
}

fn problem_of(tiny: &TinyMoeConfig, moe: &MoeConfig) -> Option<SettingProblem> {
    tiny.k_by_layer.as_ref()?;
    if moe.dense.is_some() {
        return Some(SettingProblem {
            message: "a dense reference has no k by layer".to_owned(),
            paths: vec![PATH, "moe.dense"],
            help: "take one of the two out".to_owned(),
        });
    }
    tiny.mixtures(moe).err().map(|error| SettingProblem {
        message: error.to_string(),
        paths: vec![PATH, "model.tiny-moe.layers"],
        help: "give each layer one, or change the number of layers".to_owned(),
    })
}

/// What is wrong with the k of a layer, told where that stands.
pub(super) fn located(problem: SettingProblem, model: &ModelConfig) -> SettingProblem {
    if !model.differs_by_layer() {
        return problem;
    }
    let here = |path: &&'static str| if *path == "moe.k" { PATH } else { *path };
    SettingProblem {
        paths: problem.paths.iter().map(here).collect(),
        ..problem
    }
}

#[cfg(test)]
mod tests {
    use runstore::tables::TrialRow;

    use crate::jobs::{JobKind, JobSettings};

    fn resolved(text: &str) -> JobSettings {
        let text: &'static str = Box::leak(format!("model.tiny-moe = {{ {text}").into());
        let tree = toml::de::DeTable::parse(text).unwrap().into_inner();
        let mut settings = JobSettings::read(JobKind::Train, tree).unwrap();
        settings.resolve();
        settings
    }

    fn problems(text: &str) -> Vec<String> {
        let found = resolved(text).job().check().into_iter();
        found
            .map(|problem| format!("{}: {}", problem.paths[0], problem.message))
            .collect()
    }

    #[test]
    fn equal_budgets_are_one_k_and_an_unused_k_is_no_part_of_the_question() {
        let json = |text| resolved(text).to_json();
        assert_eq!(
            json("layers = 2, k-by-layer = [3, 3] }"),
            json("layers = 2 }\nmoe.k = 3")
        );
        let budgets = json("layers = 2, k-by-layer = [1, 3] }");
        assert_eq!(budgets["model"]["tiny-moe"]["k-by-layer"][1], 3);
        assert_eq!(budgets["moe"]["k"], 3);
        assert_eq!(
            json("layers = 2, k-by-layer = [1, 3] }\nmoe.k = 2"),
            budgets
        );
        assert_ne!(json("layers = 2, k-by-layer = [3, 1] }"), budgets);
        // One expert a token, whatever is asked for.
        let top1 = "router.strategy = 'top1'";
        assert_eq!(
            json(&format!("layers = 2, k-by-layer = [1, 3] }}\n{top1}")),
            json(&format!("layers = 2 }}\n{top1}"))
        );
    }

    #[test]
    fn budgets_that_fit_neither_model_nor_layer_are_told_at_their_place() {
        assert_eq!(
            problems("layers = 2, k-by-layer = [1, 2, 3] }"),
            ["model.tiny-moe.k-by-layer: k-by-layer has 3 budgets, and the model 2 layers"]
        );
        assert_eq!(
            problems("layers = 2, k-by-layer = [1, 9] }"),
            ["model.tiny-moe.k-by-layer: k = 9 exceeds 8 experts"]
        );
        assert_eq!(
            problems("layers = 2, k-by-layer = [2, 3] }\nmoe.chain = 2"),
            ["moe.chain: k = 3 is not a multiple of chain = 2"]
        );
        assert_eq!(
            problems("layers = 2, k-by-layer = [1, 2] }\nmoe.dense = 'active'"),
            ["model.tiny-moe.k-by-layer: a dense reference has no k by layer"]
        );
        assert!(problems("layers = 2, k-by-layer = [1, 8] }").is_empty());
    }

    #[test]
    fn columns_that_layers_do_not_share_are_null() {
        let row = |text| {
            let mut row = TrialRow::default();
            resolved(text).fill(&mut row);
            (row.top_k, row.k_by_layer)
        };
        assert_eq!(
            row("layers = 2, k-by-layer = [1, 3] }"),
            (None, Some("1+3".to_owned()))
        );
        assert_eq!(row("layers = 2, k-by-layer = [2, 2] }"), (Some(2), None));
    }
}
