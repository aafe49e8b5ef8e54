//! How a scheduler is asked.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, context};

use crate::exit::{Exit, Expected};

/// The engines that come with the program.
const BUILT_IN: [(&str, &str); 2] = [
    ("slurm", include_str!("engines/slurm.sh")),
    ("hyperqueue", include_str!("engines/hyperqueue.sh")),
];

/// How long a scheduler may take to answer.
const PATIENCE: Duration = Duration::from_mins(2);

/// A template of a shell script that knows a scheduler, by verbs: `submit` prints the names of the jobs that it made,
/// a line each; `states JOB...` a number and a word for each task that has not ended; `cancel JOB...` cancels.
#[derive(Debug)]
pub(crate) struct Engine {
    name: String,
    template: String,
}

/// What a template is filled with.
#[derive(Debug)]
pub(crate) struct Request {
    /// The name of the jobs.
    pub(crate) name: String,
    /// The folder in which everything runs.
    pub(crate) start: PathBuf,
    /// The folder of this submission, which has a folder `log`.
    pub(crate) folder: PathBuf,
    /// The ids of each task's trials.
    pub(crate) tasks: Vec<Vec<String>>,
    /// Tasks that run beside each other: the first of all.
    pub(crate) together: usize,
    /// Tasks that want a machine to themselves: the others.
    pub(crate) alone: usize,
    pub(crate) cpus: Option<u16>,
    pub(crate) gpus: Option<u16>,
    pub(crate) memory_mib: Option<u64>,
    /// Seconds that a task may take.
    pub(crate) time_s: Option<u64>,
    pub(crate) partition: Option<String>,
    pub(crate) account: Option<String>,
    /// Seconds that a trial may take to save itself.
    pub(crate) grace_s: u64,
    /// The command of a task, to which ids are added.
    pub(crate) run: String,
    /// The command of the last job.
    pub(crate) report: String,
}

impl Engine {
    /// The one of this name, or the template in this file.
    pub(crate) fn open(text: &str) -> Result<Self, Expected> {
        if let Some((name, template)) = BUILT_IN.iter().find(|(name, _)| *name == text) {
            return Ok(Self {
                name: (*name).to_owned(),
                template: (*template).to_owned(),
            });
        }
        let path = Path::new(text);
        let names = BUILT_IN.map(|(name, _)| name).join(" and ");
        let template = fs::read_to_string(path).map_err(|error| {
            let message = format!("--to {text}: {error}");
            let help = format!("{names} are known; else name a file, a template of a script");
            Expected::new(Exit::Usage, message, help)
        })?;
        let name = path.file_stem().unwrap_or_default();
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            template,
        })
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The script for a request.
    pub(crate) fn script(&self, request: Request) -> Result<String, Expected> {
        let mut pages = Environment::new();
        pages.set_auto_escape_callback(|_| AutoEscape::None);
        pages.set_undefined_behavior(UndefinedBehavior::Strict);
        pages.add_filter("quoted", quoted);
        pages
            .render_str(&self.template, values(request))
            .map_err(|error| {
                let line = error.line().map(|line| format!(", line {line}"));
                let message = format!("{}{}: {error}", self.name, line.unwrap_or_default());
                Expected::new(Exit::Usage, message, "mend the template")
            })
    }
}

/// A request under the names that templates have for it.
fn values(request: Request) -> minijinja::Value {
    context! {
        name => request.name,
        start => request.start.to_string_lossy(),
        folder => request.folder.to_string_lossy(),
        tasks => request.tasks,
        together => request.together,
        alone => request.alone,
        cpus => request.cpus,
        gpus => request.gpus,
        memory_mib => request.memory_mib,
        time_s => request.time_s,
        partition => request.partition,
        account => request.account,
        grace_s => request.grace_s,
        run => request.run,
        report => request.report,
    }
}

/// A word as a shell reads it.
pub(crate) fn quoted(word: &str) -> Result<String, minijinja::Error> {
    let quoted = shlex::try_quote(word)
        .map_err(|error| minijinja::Error::new(ErrorKind::InvalidOperation, error.to_string()))?;
    Ok(quoted.into_owned())
}

/// Why a script did not do as asked.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) said: String,
    /// What it printed before.
    pub(super) lines: Vec<String>,
}

/// Asks the script of a submission: the lines of its answer.
pub(super) fn ask(script: &Path, verb: &str, words: &[String]) -> Result<Vec<String>, Refusal> {
    let mut command = Command::new("bash");
    command
        .arg(script)
        .arg(verb)
        .args(words)
        .stdin(Stdio::null());
    let Answer { end, out, said } = within(command, PATIENCE);
    let lines = out.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines = lines.map(str::to_owned).collect();
    let said = match end {
        Ok(status) if status.success() => return Ok(lines),
        Ok(status) if said.trim().is_empty() => format!("it ended with {status}"),
        Ok(_) => said.trim().to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Refusal { said, lines })
}

/// How a command ended, and what it wrote.
struct Answer {
    end: io::Result<ExitStatus>,
    out: String,
    said: String,
}

/// What a command says, where it does within a time. What outlives it is not waited for.
fn within(mut command: Command, patience: Duration) -> Answer {
    let started = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            return Answer {
                end: Err(error),
                out: String::new(),
                said: String::new(),
            };
        }
    };
    let out = child.stdout.take().map(Heard::of);
    let said = child.stderr.take().map(Heard::of);
    let start = Instant::now();
    let end = loop {
        match child.try_wait() {
            Ok(None) if start.elapsed() > patience => {
                // What it was asked is not known to be done; it is not waited for either way.
                let _ = child.kill().and_then(|()| child.wait());
                let message = format!("no answer within {} s", patience.as_secs());
                break Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
            Ok(None) => thread::sleep(Duration::from_millis(5)),
            Ok(Some(status)) => break Ok(status),
            Err(error) => break Err(error),
        }
    };
    let text = |heard: Option<Heard>| heard.map_or_else(String::new, Heard::text);
    Answer {
        end,
        out: text(out),
        said: text(said),
    }
}

/// What comes out of a pipe, as it comes.
struct Heard {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: thread::JoinHandle<()>,
}

impl Heard {
    fn of(mut pipe: impl io::Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(some @ 1..) = pipe.read(&mut piece) {
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.extend_from_slice(&piece[..some]);
            }
        });
        Self { bytes, reader }
    }

    /// All of it, or what there is where the pipe is still held by another process.
    fn text(self) -> String {
        let start = Instant::now();
        while !self.reader.is_finished() && start.elapsed() < Duration::from_millis(500) {
            thread::sleep(Duration::from_millis(2));
        }
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request {
            name: "xp-unified-cpu".to_owned(),
            start: "/here/it is".into(),
            folder: "/shared/submitted/1".into(),
            tasks: vec![
                vec!["a1".to_owned(), "a2".to_owned()],
                vec!["b1".to_owned()],
                vec!["c1".to_owned()],
            ],
            together: 2,
            alone: 1,
            cpus: Some(4),
            gpus: Some(1),
            memory_mib: Some(16_384),
            time_s: Some(7_201),
            partition: Some("big one".to_owned()),
            account: None,
            grace_s: 120,
            run: "xp sweep x.toml --only".to_owned(),
            report: "xp report x.toml".to_owned(),
        }
    }

    fn script(name: &str) -> String {
        Engine::open(name).unwrap().script(request()).unwrap()
    }

    #[test]
    fn slurm_is_asked_for_two_arrays_and_a_report() {
        let script = script("slurm");
        for line in [
            "cd '/here/it is' || exit",
            "  0) echo a1 a2 ;;",
            "--partition='big one'",
            "--cpus-per-task=4 --gres=gpu:1 --mem=16384M --time=121)",
            "--array=0-1 \"$here/engine.sh\" task",
            "--exclusive --array=2-2 \\\n",
            "  xp sweep x.toml --only $(trials \"$SLURM_ARRAY_TASK_ID\") &",
            "  exec xp report x.toml",
        ] {
            assert!(script.contains(line), "no `{line}` in:\n{script}");
        }
        assert!(!script.contains("--account"));
    }

    #[test]
    fn what_hyperqueue_reads_is_toml_in_which_speeds_and_the_report_come_last() {
        let script = script("hyperqueue");
        let start = script.find("<<'END' || exit\n").unwrap() + "<<'END' || exit\n".len();
        let end = script.find("\nEND\n").unwrap();
        let job: toml::Table = toml::from_str(&script[start..end]).unwrap();
        let tasks = job["task"].as_array().unwrap();
        let of = |number: usize| tasks[number].as_table().unwrap();
        assert_eq!(tasks.len(), 4);
        assert_eq!(
            of(0)["command"],
            toml::Value::from(vec!["bash", "/shared/submitted/1/engine.sh", "task", "0"])
        );
        assert_eq!(of(0)["time_limit"].as_str(), Some("7201s"));
        assert!(of(1).get("deps").is_none());
        assert_eq!(of(2)["deps"], toml::Value::from(vec![0, 1]));
        assert_eq!(of(3)["deps"], toml::Value::from(vec![0, 1, 2]));
        let cpus = |number: usize| of(number)["request"][0]["resources"]["cpus"].clone();
        assert_eq!([cpus(0), cpus(2)], ["4", "all"].map(toml::Value::from));
        assert_eq!(
            of(0)["request"][0]["resources"]["mem"].as_str(),
            Some("16384")
        );
    }

    #[test]
    fn what_a_template_does_not_know_and_what_is_no_engine_is_refused() {
        let error = Engine::open("pbs").unwrap_err().to_string();
        assert!(error.contains("--to pbs"), "{error}");
        let engine = Engine {
            name: "own".to_owned(),
            template: "{{ queue }}".to_owned(),
        };
        let error = engine.script(request()).unwrap_err().to_string();
        assert!(error.contains("own, line 1"), "{error}");
    }

    #[test]
    fn neither_who_does_not_answer_nor_who_outlives_the_answer_is_waited_for() {
        let ask = |text: &str| {
            let mut command = Command::new("bash");
            command.args(["-c", text]);
            within(command, Duration::from_millis(400))
        };
        let silent = ask("echo 8; sleep 20");
        assert_eq!(silent.end.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(silent.out, "8\n");
        let answered = ask("echo 9; echo so >&2; sleep 20 & exit 3");
        assert_eq!(answered.end.unwrap().code(), Some(3));
        assert_eq!((&*answered.out, &*answered.said), ("9\n", "so\n"));
    }
}
