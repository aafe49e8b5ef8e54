//! What was submitted.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use runstore::{Store, TrialId};
use serde::{Deserialize, Serialize};

use super::engine::ask;
use crate::exit::{Exit, Expected};

/// Jobs that a scheduler was given.
#[derive(Debug)]
pub(crate) struct Submission {
    folder: PathBuf,
    note: Note,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Note {
    engine: String,
    submitted_at: String,
    /// As the scheduler calls them.
    jobs: Vec<String>,
    /// The trials of each task.
    tasks: Vec<Vec<TrialId>>,
}

/// A trial that a scheduler has.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    /// The scheduler's word for its task.
    pub(crate) state: String,
    pub(crate) engine: String,
    /// What its task writes.
    pub(crate) log: PathBuf,
}

impl Submission {
    /// The folder of the next submission of a sweep. Nothing is made.
    pub(crate) fn next_folder(store: &Store) -> PathBuf {
        let root = root(store);
        let number = numbers(&root).last().map_or(1, |last| last + 1);
        root.join(number.to_string())
    }

    /// Writes a script into its folder and has it submit.
    pub(crate) fn make(
        folder: &Path,
        engine: &str,
        script: &str,
        tasks: Vec<Vec<TrialId>>,
    ) -> Result<Self, Expected> {
        let failed = |error| Expected::io(format!("write {}", folder.display()), error);
        let above = folder.parent().unwrap_or(folder);
        fs::create_dir_all(above).map_err(failed)?;
        // Somebody else who submits has another number.
        fs::create_dir(folder).map_err(failed)?;
        fs::create_dir(folder.join("log")).map_err(failed)?;
        let path = folder.join(SCRIPT);
        fs::write(&path, script).map_err(failed)?;
        let jobs = ask(&path, "submit", &[]).map_err(|said| {
            Expected::new(
                Exit::Missing,
                format!("{engine} took nothing: {said}"),
                format!("try it by hand: bash {} submit", path.display()),
            )
        })?;
        let note = Note {
            engine: engine.to_owned(),
            submitted_at: runstore::now(),
            jobs,
            tasks,
        };
        let text = serde_json::to_string_pretty(&note).expect("own types have text keys");
        fs::write(folder.join(NOTE), text).map_err(failed)?;
        Ok(Self {
            folder: folder.to_owned(),
            note,
        })
    }

    /// The jobs, as the scheduler calls them.
    pub(crate) fn jobs(&self) -> &[String] {
        &self.note.jobs
    }

    /// Who has them.
    pub(crate) fn engine(&self) -> &str {
        &self.note.engine
    }

    /// Where its tasks write.
    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Whether any of its trials is one of these.
    pub(crate) fn has(&self, wanted: impl Fn(&TrialId) -> bool) -> bool {
        self.note.tasks.iter().flatten().any(wanted)
    }

    /// The scheduler's word for each task that has not ended, or why it says nothing.
    pub(crate) fn states(&self) -> Result<BTreeMap<usize, String>, String> {
        let lines = ask(&self.script(), "states", &self.note.jobs)?;
        let state = |line: &String| {
            let (task, state) = line.trim().split_once(char::is_whitespace)?;
            Some((task.parse().ok()?, state.trim().to_owned()))
        };
        Ok(lines.iter().filter_map(state).collect())
    }

    /// Asks the scheduler to cancel what has not ended.
    pub(crate) fn cancel(&self) -> Result<(), String> {
        ask(&self.script(), "cancel", &self.note.jobs).map(drop)
    }

    fn script(&self) -> PathBuf {
        self.folder.join(SCRIPT)
    }
}

/// The script of a submission.
const SCRIPT: &str = "engine.sh";

/// What is known of it.
const NOTE: &str = "submission.json";

fn root(store: &Store) -> PathBuf {
    store.root().join("submitted")
}

/// The numbers of all submissions, sorted.
fn numbers(root: &Path) -> Vec<usize> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let mut numbers: Vec<usize> = entries.filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// The submissions of a sweep, the latest last. One whose jobs were never noted down is passed over, and said.
pub(crate) fn submissions(store: &Store) -> Vec<Submission> {
    let root = root(store);
    let folders = numbers(&root)
        .into_iter()
        .map(|number| root.join(number.to_string()));
    let read = |folder: PathBuf| {
        let path = folder.join(NOTE);
        let note = fs::read(&path).and_then(|bytes| {
            serde_json::from_slice(&bytes)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
        });
        match note {
            Ok(note) => Some(Submission { folder, note }),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "what was submitted is not known");
                None
            }
        }
    };
    folders.filter_map(read).collect()
}

/// The trials of these that a scheduler has, and what those say that do not answer.
pub(crate) fn waiting(
    store: &Store,
    open: impl Fn(&TrialId) -> bool,
) -> (BTreeMap<TrialId, Waiting>, Vec<String>) {
    let (mut waiting, mut silent) = (BTreeMap::new(), Vec::new());
    let asked = submissions(store).into_iter();
    for submission in asked.filter(|submission| submission.has(&open)) {
        match submission.states() {
            Ok(states) => {
                for (task, state) in states {
                    let trials = submission.note.tasks.get(task).into_iter().flatten();
                    for id in trials.filter(|id| open(id)) {
                        let found = Waiting {
                            state: state.clone(),
                            engine: submission.note.engine.clone(),
                            log: submission.logs().join(format!("{task}.log")),
                        };
                        waiting.insert(*id, found);
                    }
                }
            }
            Err(said) => silent.push(format!("{}: {said}", submission.engine())),
        }
    }
    (waiting, silent)
}
