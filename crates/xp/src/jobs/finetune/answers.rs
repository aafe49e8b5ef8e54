//! What a model answers to the questions of tests.

use corpora::{DataDir, Questions, Tokenizer, load_questions};
use kernels::Precision;
use lm::{Generated, GenerationConfig, LmError, OptionScore, OptionsOf, score_options, write_all};
use metrics::choice;
use models_qwen::Qwen2Moe;
use runstore::tables::{AnswerRow, TrialRow};

use super::settings::AnswersConfig;
use crate::jobs::context::JobError;

/// The questions of all tests, read before anything is trained.
pub(super) struct Asked<'a> {
    config: &'a AnswersConfig,
    questions: Vec<Questions>,
    /// What is odd about the tests, in sentences.
    pub(super) notes: Vec<String>,
}

/// The answers to all tests.
#[derive(Default)]
pub(super) struct Answers {
    pub(super) rows: Vec<AnswerRow>,
    /// Questions whose right answer is the commonest of their test.
    commonest: f64,
}

impl<'a> Asked<'a> {
    /// Reads the questions for a model of so many places.
    pub(super) fn read(
        config: &'a AnswersConfig,
        places: usize,
        tokenizer: &Tokenizer,
        data: &DataDir,
    ) -> Result<Self, JobError> {
        let room = if config.generate {
            config.max_tokens.get()
        } else {
            0
        };
        let mut asked = Self {
            config,
            questions: Vec::new(),
            notes: Vec::new(),
        };
        for &task in &config.tasks {
            let limits = (places, room);
            let questions = load_questions(task, tokenizer, &config.questions, limits, data)?;
            let (cut, all) = (questions.cut, questions.items.len());
            if cut > 0 {
                asked.notes.push(format!(
                    "{cut} of {all} questions of {task} lose their beginning: the model has {places} places"
                ));
            }
            asked.questions.push(questions);
        }
        Ok(asked)
    }

    /// Asks a model, which has no graph; `stop_ids` end what it writes.
    pub(super) fn ask(
        &self,
        model: &Qwen2Moe,
        tokenizer: &Tokenizer,
        stop_ids: Vec<u32>,
    ) -> Result<Answers, JobError> {
        let config = self.config;
        let batch = config.batch.get();
        let writing = GenerationConfig {
            stop_ids,
            ..GenerationConfig::greedy(config.max_tokens.get())
        };
        let mut answers = Answers::default();
        for questions in &self.questions {
            let options: Vec<OptionsOf<'_>> = questions.items.iter().map(options_of).collect();
            let scores = score_options(model, &options, batch, Precision::F32).map_err(failed)?;
            let written = if config.generate {
                let prompts = questions.items.iter().map(|item| item.prompt.clone());
                let prompts: Vec<Vec<u32>> = prompts.collect();
                Some(write_all(model, &prompts, batch, config.beams, &writing).map_err(failed)?)
            } else {
                None
            };
            answers.judge(questions, &scores, written, tokenizer)?;
        }
        Ok(answers)
    }
}

fn options_of(question: &corpora::Question) -> OptionsOf<'_> {
    OptionsOf {
        context: &question.context,
        options: &question.options,
    }
}

fn failed(error: LmError) -> JobError {
    JobError::Failed(error.to_string())
}

impl Answers {
    /// Adds a row for each question of a test.
    fn judge(
        &mut self,
        questions: &Questions,
        scores: &[Vec<OptionScore>],
        written: Option<Vec<Generated>>,
        tokenizer: &Tokenizer,
    ) -> Result<(), JobError> {
        let task = questions.task;
        let mut written = written.map(Vec::into_iter);
        for (question, scores) in questions.items.iter().zip(scores) {
            let sums: Vec<f64> = scores.iter().map(|score| score.log_likelihood).collect();
            let means: Vec<f64> = scores.iter().map(OptionScore::mean).collect();
            let name = |place: Option<usize>| place.map(|at| question.names[at].to_owned());
            let right = question.names[question.right];
            let text = match written.as_mut().and_then(Iterator::next) {
                Some(text) => Some(tokenizer.decode(&text.ids)?),
                None => None,
            };
            let generated = text.as_ref().map(|text| task.parse(text));
            self.rows.push(AnswerRow {
                task: task.name().to_owned(),
                item: question.item,
                right: right.to_owned(),
                chosen: name(choice::chosen(&sums)),
                margin: choice::margin(&sums),
                chosen_by_mean: name(choice::chosen(&means)),
                generated: generated.flatten().map(str::to_owned),
                generated_right: generated.map(|answer| answer == Some(right)),
                ..AnswerRow::default()
            });
        }
        let right: Vec<usize> = questions.items.iter().map(|item| item.right).collect();
        let share = choice::majority_share(&right).unwrap_or_default();
        self.commonest += share * right.len() as f64;
        Ok(())
    }

    /// Fills the columns of a trial.
    pub(super) fn fill(&self, row: &mut TrialRow) {
        let chosen = |row: &AnswerRow| row.chosen.as_deref() == Some(&row.right);
        row.accuracy = choice::accuracy(self.rows.iter().map(chosen));
        row.accuracy_generated =
            choice::accuracy(self.rows.iter().filter_map(|row| row.generated_right));
        let all = self.rows.len() as f64;
        row.majority_accuracy = (all > 0.0).then(|| self.commonest / all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracies_are_means_over_all_questions() {
        let answer = |right: &str, chosen: &str, generated_right| AnswerRow {
            right: right.to_owned(),
            chosen: Some(chosen.to_owned()),
            generated_right,
            ..AnswerRow::default()
        };
        // Three questions of one test, two of another: the commonest answers are right in 2 of 3 and 1 of 2.
        let answers = Answers {
            rows: vec![
                answer("true", "true", Some(false)),
                answer("true", "false", Some(true)),
                answer("false", "false", Some(true)),
                answer("answer1", "answer1", None),
                answer("answer2", "answer1", None),
            ],
            commonest: 2.0 + 1.0,
        };
        let mut row = TrialRow::default();
        answers.fill(&mut row);
        assert_eq!(row.accuracy, Some(0.6));
        assert_eq!(row.accuracy_generated, Some(2.0 / 3.0));
        assert_eq!(row.majority_accuracy, Some(0.6));
        let mut row = TrialRow::default();
        Answers::default().fill(&mut row);
        assert_eq!((row.accuracy, row.majority_accuracy), (None, None));
    }
}
