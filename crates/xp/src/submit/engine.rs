//! How a scheduler is asked.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
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
const PATIENCE: Duration = Duration::from_secs(30);

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

/// Asks the script of a submission: the lines of its answer, or why there is none.
pub(super) fn ask(script: &Path, verb: &str, words: &[String]) -> Result<Vec<String>, String> {
    let mut command = Command::new("bash");
    command
        .arg(script)
        .arg(verb)
        .args(words)
        .stdin(Stdio::null());
    let output = within(command, PATIENCE).map_err(|error| format!("bash: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout).lines().map(str::to_owned).collect());
    }
    match text(&output.stderr) {
        said if said.is_empty() => Err(format!("it ended with {}", output.status)),
        said => Err(said),
    }
}

/// What a command says, where it does within a time.
fn within(mut command: Command, patience: Duration) -> io::Result<Output> {
    let start = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // What is asked for is a few lines for each task at most, but more than a pipe holds.
    let mut out = child.stdout.take();
    let mut said = child.stderr.take();
    let reader = thread::spawn(move || drained(out.as_mut()));
    let sayings = thread::spawn(move || drained(said.as_mut()));
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            let message = format!("no answer within {} s", patience.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        thread::sleep(Duration::from_millis(5));
    };
    Ok(Output {
        status,
        stdout: reader.join().unwrap_or_default(),
        stderr: sayings.join().unwrap_or_default(),
    })
}

fn drained(pipe: Option<&mut impl io::Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // What was said before a pipe broke is kept.
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request {
            name: "xp-unified-cpu".to_owned(),
            start: "/here/it is".into(),
            folder: "/work/submitted/1".into(),
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
            "--array=0-1 \"$0\" task",
            "--exclusive --array=2-2 ",
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
            toml::Value::from(vec!["bash", "/work/submitted/1/engine.sh", "task", "0"])
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
    fn who_does_not_answer_is_not_waited_for() {
        let mut command = Command::new("bash");
        command.args(["-c", "sleep 20"]);
        let error = within(command, Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
