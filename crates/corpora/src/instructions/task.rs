//! The eight tests of commonsense_170k.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A test of commonsense_170k: a set of questions whose answers are of one kind.
///
/// # Reference
///
/// LLM-Adapters (`dataset/*/test.json`, `commonsense_evaluate.py`).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Task {
    /// Yes or no about a fact (Clark et al. 2019).
    #[serde(rename = "boolq")]
    Boolq,
    /// Which of two ways reaches a goal (Bisk et al. 2020).
    #[serde(rename = "piqa")]
    Piqa,
    /// What people do and feel (Sap et al. 2019).
    #[serde(rename = "social_i_qa")]
    SocialIqa,
    /// How a scene goes on (Zellers et al. 2019).
    #[serde(rename = "hellaswag")]
    Hellaswag,
    /// Whom a pronoun means (Sakaguchi et al. 2020).
    #[serde(rename = "winogrande")]
    Winogrande,
    /// Science questions of schools, the easier ones (Clark et al. 2018).
    #[serde(rename = "ARC-Easy")]
    ArcEasy,
    /// The same, the harder ones.
    #[serde(rename = "ARC-Challenge")]
    ArcChallenge,
    /// Science questions with an open book (Mihaylov et al. 2018).
    #[serde(rename = "openbookqa")]
    Openbookqa,
}

impl Task {
    /// All, in the order of the papers' tables.
    pub const ALL: [Self; 8] = [
        Self::Boolq,
        Self::Piqa,
        Self::SocialIqa,
        Self::Hellaswag,
        Self::Winogrande,
        Self::ArcEasy,
        Self::ArcChallenge,
        Self::Openbookqa,
    ];

    /// Its name in settings, in results and as a folder.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolq => "boolq",
            Self::Piqa => "piqa",
            Self::SocialIqa => "social_i_qa",
            Self::Hellaswag => "hellaswag",
            Self::Winogrande => "winogrande",
            Self::ArcEasy => "ARC-Easy",
            Self::ArcChallenge => "ARC-Challenge",
            Self::Openbookqa => "openbookqa",
        }
    }

    /// What an answer can be; a question may offer fewer.
    #[must_use]
    pub const fn answers(self) -> &'static [&'static str] {
        match self {
            Self::Boolq => &["true", "false"],
            Self::Piqa => &["solution1", "solution2"],
            Self::SocialIqa | Self::ArcEasy | Self::ArcChallenge | Self::Openbookqa => {
                &["answer1", "answer2", "answer3", "answer4", "answer5"]
            }
            Self::Hellaswag => &["ending1", "ending2", "ending3", "ending4"],
            Self::Winogrande => &["option1", "option2"],
        }
    }

    /// The answer that stands first in a response, in lower case as the reference reads it; none where it gives none,
    /// which is wrong.
    #[must_use]
    pub fn parse(self, response: &str) -> Option<&'static str> {
        let places = self.answers().iter();
        let found = places.filter_map(|answer| Some((response.find(answer)?, *answer)));
        found
            .min_by_key(|(place, _)| *place)
            .map(|(_, answer)| answer)
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_answer_of_its_kind_counts() {
        for (task, response, answer) in [
            (
                Task::Boolq,
                "the correct answer is false, not true",
                Some("false"),
            ),
            (Task::Boolq, "untrue", Some("true")),
            (Task::Boolq, "True", None),
            (
                Task::Piqa,
                "solution3 solution2 solution1",
                Some("solution2"),
            ),
            (Task::ArcEasy, "answer5", Some("answer5")),
            (Task::ArcEasy, "answer 5", None),
            (Task::SocialIqa, "answer12", Some("answer1")),
            (Task::Hellaswag, "ending4", Some("ending4")),
            (Task::Winogrande, "answer1 option2", Some("option2")),
            (Task::Winogrande, "", None),
        ] {
            assert_eq!(task.parse(response), answer, "{task}: {response}");
        }
    }

    #[test]
    fn settings_name_a_task_as_its_folder_is_called() {
        for task in Task::ALL {
            let name = serde_json::Value::from(task.name());
            assert_eq!(serde_json::to_value(task).unwrap(), name);
            assert_eq!(serde_json::from_value::<Task>(name).unwrap(), task);
        }
    }
}
