//! What was submitted.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use runstore::{Store, TrialId, Turn};
use serde::{Deserialize, Serialize};

use super::engine::{Refusal, ask};
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

/// What a scheduler says of a submission.
#[derive(Debug, Default)]
pub(crate) struct States {
    /// Its word for each task that has not ended.
    tasks: BTreeMap<usize, String>,
    /// Other jobs of it that have not, such as the report.
    others: usize,
}

impl States {
    /// Whether nothing of it is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.others == 0
    }
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
    /// The right to submit a sweep, which one process has at a time.
    pub(crate) fn turn(store: &Store) -> Result<Turn, Expected> {
        store.turn("submit")?.ok_or_else(|| {
            Expected::new(
                Exit::Outstanding,
                "another process submits this sweep just now",
                "see what it did with `xp status`",
            )
        })
    }

    /// The folder of the next submission of a sweep. Nothing is made.
    pub(crate) fn next_folder(store: &Store) -> PathBuf {
        let root = root(store);
        let number = numbers(&root).last().map_or(1, |last| last + 1);
        root.join(number.to_string())
    }

    /// Writes a script into its folder and has it submit. Where that is refused half-way, what was taken before is
    /// cancelled.
    pub(crate) fn make(
        folder: &Path,
        engine: &str,
        script: &str,
        tasks: Vec<Vec<TrialId>>,
    ) -> Result<Self, Expected> {
        let failed = |error| Expected::io(format!("write {}", folder.display()), error);
        fs::create_dir_all(folder.join("log")).map_err(failed)?;
        let path = folder.join(SCRIPT);
        fs::write(&path, script).map_err(failed)?;
        let jobs = match ask(&path, "submit", &[]) {
            Ok(jobs) if !jobs.is_empty() => jobs,
            Ok(_) => return Err(refused(folder, engine, "it named no job")),
            Err(Refusal { said, lines }) if lines.is_empty() => {
                return Err(refused(folder, engine, &said));
            }
            Err(Refusal { said, lines }) => {
                let taken = lines.join(" ");
                let said = match ask(&path, "cancel", &lines) {
                    Ok(_) => format!("{said}; what it took before that, {taken}, was cancelled"),
                    Err(_) => format!("{said}; it has {taken}, which it would not cancel"),
                };
                return Err(refused(folder, engine, &said));
            }
        };
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

    /// What the scheduler says of it, or why it says nothing. One that has ended is not asked for again.
    pub(crate) fn states(&self) -> Result<States, String> {
        let ended = self.folder.join(ENDED);
        if ended.exists() {
            return Ok(States::default());
        }
        let lines = ask(&self.script(), "states", &self.note.jobs);
        let mut states = States::default();
        for line in lines.map_err(|refusal| refusal.said)? {
            let (task, state) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
            match task.parse() {
                Ok(task) if task < self.note.tasks.len() => {
                    states.tasks.insert(task, state.trim().to_owned());
                }
                _ => states.others += 1,
            }
        }
        if states.is_empty() {
            // Where it cannot be written, it is asked for again.
            let _ = File::create(ended);
        }
        Ok(states)
    }

    /// Asks the scheduler to cancel what has not ended.
    pub(crate) fn cancel(&self) -> Result<(), String> {
        let asked = ask(&self.script(), "cancel", &self.note.jobs);
        asked.map(drop).map_err(|refusal| refusal.said)
    }

    fn script(&self) -> PathBuf {
        self.folder.join(SCRIPT)
    }
}

/// The script of a submission.
const SCRIPT: &str = "engine.sh";

/// There when nothing of it is left.
const ENDED: &str = "ended";

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

/// What schedulers have of a sweep.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The trials that are asked for.
    pub(crate) trials: BTreeMap<TrialId, Waiting>,
    /// Tasks of trials that nobody asks for now, as those of an older sweep file.
    pub(crate) others: usize,
    /// What those say that do not answer.
    pub(crate) silent: Vec<String>,
}

/// Asks for all that was submitted; `open` are the trials that are asked for.
pub(crate) fn waiting(store: &Store, open: impl Fn(&TrialId) -> bool) -> Known {
    let mut known = Known::default();
    for submission in submissions(store) {
        let states = match submission.states() {
            Ok(states) => states,
            Err(said) => {
                known
                    .silent
                    .push(format!("{}: {said}", submission.engine()));
                continue;
            }
        };
        for (task, state) in states.tasks {
            let mut asked = submission.note.tasks[task].iter().filter(|id| open(id));
            let found = Waiting {
                state,
                engine: submission.note.engine.clone(),
                log: submission.logs().join(format!("{task}.log")),
            };
            match asked.next() {
                None => known.others += 1,
                Some(first) => {
                    known.trials.insert(*first, found.clone());
                    known.trials.extend(asked.map(|id| (*id, found.clone())));
                }
            }
        }
    }
    known
}

/// A refusal; the folder goes, since there is nothing in it.
fn refused(folder: &Path, engine: &str, said: &str) -> Expected {
    if let Err(error) = fs::remove_dir_all(folder) {
        tracing::warn!(path = %folder.display(), %error, "left an empty submission");
    }
    Expected::new(
        Exit::Missing,
        format!("{engine} refused: {said}"),
        "`--dry-run` shows what it was asked",
    )
}
