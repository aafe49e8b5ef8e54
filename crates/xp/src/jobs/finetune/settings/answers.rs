//! The `[answers]` table: questions that the fine-tuned model is asked.

use std::num::NonZeroUsize;

use corpora::{QuestionSettings, Task};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::jobs::settings::{SettingProblem, bounds};

/// The `[answers]` table. An answer is chosen by its likelihood, and where the model is to `generate`, also read from
/// what it writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct AnswersConfig {
    /// The tests; none asks nothing.
    pub(crate) tasks: Vec<Task>,
    /// How questions are put, and how many of a test.
    pub(crate) questions: QuestionSettings,
    /// Texts that the model reads at once.
    pub(crate) batch: NonZeroUsize,
    /// Whether the model also writes its answers.
    pub(crate) generate: bool,
    /// Continuations that are kept side by side while it writes: 1 takes the likeliest token each time, and LLM-Adapters
    /// has 4.
    // Ids from before it was there stay what they are.
    #[serde(skip_serializing_if = "is_one")]
    #[schemars(extend("default" = 1))]
    pub(crate) beams: NonZeroUsize,
    /// The most tokens that it writes.
    pub(crate) max_tokens: NonZeroUsize,
}

impl Default for AnswersConfig {
    fn default() -> Self {
        let size = |n| NonZeroUsize::new(n).expect("not zero");
        Self {
            tasks: Vec::new(),
            questions: QuestionSettings::default(),
            batch: size(8),
            generate: false,
            beams: NonZeroUsize::MIN,
            max_tokens: size(32),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
fn is_one(beams: &NonZeroUsize) -> bool {
    beams.get() == 1
}

impl AnswersConfig {
    /// Sizes that are too large, and tests that are named twice.
    pub(super) fn problems(&self) -> Vec<SettingProblem> {
        let sizes = [
            ("answers.batch", self.batch.get()),
            ("answers.beams", self.beams.get()),
            ("answers.max-tokens", self.max_tokens.get()),
        ];
        let mut problems = bounds::at_most(bounds::MOST, &sizes);
        let twice = |(place, task): (usize, &Task)| self.tasks[..place].contains(task);
        if let Some((_, task)) = self.tasks.iter().enumerate().find(|task| twice(*task)) {
            problems.push(SettingProblem {
                message: format!("`{task}` is in the list twice"),
                paths: vec!["answers.tasks"],
                help: "ask each test once".to_owned(),
            });
        }
        problems
    }
}
