//! The questions of a test as a model reads them.

use indicatif::ProgressBar;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Task, Template, options::options, read_instructions};
use crate::{
    CorpusError,
    data_dir::DataDir,
    digest::Digest,
    fetch::{FetchPolicy, Fetcher},
    manifest::{FileEntry, Manifest},
    tokenizer::Tokenizer,
};

/// The entry of the manifest that has the tests.
const TESTS: &str = "commonsense-tests";

/// How questions are put.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct QuestionSettings {
    /// The text around a question.
    pub template: Template,
    /// At most this many questions of a task, evenly spread over its file; 0 means all.
    pub items: usize,
}

/// A question of a test in tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its number in the file of its task, from 0.
    pub item: u64,
    /// What a model continues in words of its own.
    pub prompt: Vec<u32>,
    /// What all texts of the question with one of its answers begin with, in tokens.
    pub context: Vec<u32>,
    /// How each goes on, up to the end of the answer.
    pub options: Vec<Vec<u32>>,
    /// The answers that it offers.
    pub names: Vec<&'static str>,
    /// Which of them is right.
    pub right: usize,
}

/// The questions of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Questions {
    /// The task.
    pub task: Task,
    /// Its questions, in the order of the file.
    pub items: Vec<Question>,
    /// Of how many the beginning was cut, since they are longer than the model reads.
    pub cut: usize,
    /// The digest of the file.
    pub digest: Digest,
}

/// Fetches the tests if one of the tasks is missing and the policy allows it.
///
/// # Errors
///
/// What [`Fetcher::fetch`] refuses.
pub fn ensure_questions(
    tasks: &[Task],
    data: &DataDir,
    policy: FetchPolicy,
    bar: &ProgressBar,
) -> Result<(), CorpusError> {
    let missing = tasks.iter().any(|task| file(*task, data).is_err());
    if missing && policy == FetchPolicy::IfMissing {
        Fetcher::from_env().fetch(TESTS, data, bar)?;
    }
    Ok(())
}

/// The digests of the files of tasks.
///
/// # Errors
///
/// When a file is missing or has changed since it was fetched.
pub fn question_digests(tasks: &[Task], data: &DataDir) -> Result<Vec<Digest>, CorpusError> {
    let digest = |task: &Task| data.digest(&file(*task, data)?);
    tasks.iter().map(digest).collect()
}

/// Reads the questions of a task for a model that reads at most `most` tokens, of which it may write the last `room`
/// itself. A text that is longer loses its beginning.
///
/// The probability of an answer is that of the whole text up to it. Tokens do not end where words do (the spaces
/// before a response and its first word are one token in some vocabularies), so the texts with each answer are turned
/// into tokens whole, and what they have in common is the context.
///
/// # Errors
///
/// When the file is missing, has changed since it was fetched, or has a record that is no question of the task: it
/// is named by its number, from 1.
pub fn load_questions(
    task: Task,
    tokenizer: &Tokenizer,
    settings: &QuestionSettings,
    (most, room): (usize, usize),
    data: &DataDir,
) -> Result<Questions, CorpusError> {
    let name = file(task, data)?;
    let path = data.file(&name);
    let (json, digest) = data.read_text(&name)?;
    let records = read_instructions(&json, &path)?;
    if records.is_empty() {
        return Err(CorpusError::Records {
            path,
            reason: "it has no question".to_owned(),
        });
    }
    let (mut asked, mut texts) = (Vec::new(), Vec::new());
    for item in spread(records.len(), settings.items) {
        let record = &records[item];
        let (names, right) = options(record, task).map_err(|reason| CorpusError::Records {
            path: path.clone(),
            reason: format!("record {}: {reason}", item + 1),
        })?;
        texts.push(settings.template.prompt(record));
        let with_answer = |name: &&str| settings.template.with_answer(record, name);
        texts.extend(names.iter().map(with_answer));
        asked.push((item as u64, names, right));
    }
    // All at once, which uses every core.
    let mut texts = tokenizer.encode_all(&texts)?.into_iter();
    let mut questions = Questions {
        task,
        items: Vec::with_capacity(asked.len()),
        cut: 0,
        digest,
    };
    for (item, names, right) in asked {
        let mut prompt = texts.next().expect("each question has its prompt");
        let (mut context, options) = in_common(texts.by_ref().take(names.len()).collect());
        let longest = options.iter().map(Vec::len).max().unwrap_or(1);
        // The last token of an answer is predicted and not read.
        let was_cut = keep_last(&mut context, (most + 1).saturating_sub(longest));
        questions.cut += usize::from(was_cut | keep_last(&mut prompt, most.saturating_sub(room)));
        questions.items.push(Question {
            item,
            prompt,
            context,
            options,
            names,
            right,
        });
    }
    Ok(questions)
}

/// Where the file of a task stands.
fn file(task: Task, data: &DataDir) -> Result<String, CorpusError> {
    let entry = Manifest::embedded().entry(TESTS)?;
    let folder = format!("/{task}/");
    let is_of_task = |file: &&FileEntry| file.target().contains(&folder);
    let file = entry.files.iter().find(is_of_task);
    data.require(
        TESTS,
        file.expect("the manifest lists the file of each task"),
    )
}

/// At most `wanted` of `total` numbers, evenly spread; all where it is 0.
fn spread(total: usize, wanted: usize) -> impl Iterator<Item = usize> {
    let wanted = if wanted == 0 {
        total
    } else {
        wanted.min(total)
    };
    (0..wanted).map(move |number| number * total / wanted)
}

/// What texts begin with alike, and how each goes on: by one token at least.
fn in_common(mut texts: Vec<Vec<u32>>) -> (Vec<u32>, Vec<Vec<u32>>) {
    let shortest = texts.iter().map(Vec::len).min().unwrap_or(0);
    let alike = |place: &usize| texts.iter().all(|text| text[*place] == texts[0][*place]);
    let common = (0..shortest.saturating_sub(1)).take_while(alike).count();
    let context = texts[0][..common].to_vec();
    for text in &mut texts {
        text.drain(..common);
    }
    (context, texts)
}

/// Keeps the last tokens, at least one; says whether some went.
fn keep_last(ids: &mut Vec<u32>, most: usize) -> bool {
    let cut = ids.len().saturating_sub(most.max(1));
    ids.drain(..cut);
    cut > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_is_what_all_answers_have_in_common() {
        let (context, options) = in_common(vec![vec![5, 6, 7, 8], vec![5, 6, 9], vec![5, 6, 7, 1]]);
        assert_eq!(context, [5, 6]);
        assert_eq!(options, [vec![7, 8], vec![9], vec![7, 1]]);
        // One text begins as the other ends: each keeps a token to be scored.
        let (context, options) = in_common(vec![vec![5, 6], vec![5, 6, 7]]);
        assert_eq!((context, options), (vec![5], vec![vec![6], vec![6, 7]]));
    }

    #[test]
    fn some_questions_are_spread_over_the_file() {
        assert_eq!(spread(10, 3).collect::<Vec<_>>(), [0, 3, 6]);
        assert_eq!(spread(2, 3).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(spread(3, 0).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(spread(0, 0).count(), 0);
    }

    #[test]
    fn a_long_text_loses_its_beginning() {
        let mut ids = vec![1, 2, 3];
        assert!(!keep_last(&mut ids, 3));
        assert!(keep_last(&mut ids, 2));
        assert_eq!(ids, [2, 3]);
        assert!(keep_last(&mut ids, 0));
        assert_eq!(ids, [3]);
    }
}
