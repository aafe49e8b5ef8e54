//! Trials as child processes.

use std::{
    collections::{BTreeMap, VecDeque},
    ffi::OsString,
    io::{self, BufRead, BufReader, Read},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc::Sender},
    thread,
    time::Duration,
};

use super::executor::{Ending, Executor, Message};
use crate::{config::Trial, jobs::Event};

/// Lines of a child's stderr that are kept for its error.
const TAIL: usize = 40;

/// Starts `xp trial` for each trial.
pub(crate) struct ProcessExecutor {
    /// The sweep file that children read.
    sweep: OsString,
    /// The flags that they get.
    flags: Vec<OsString>,
    threads: usize,
    /// Those of a trial that runs alone.
    threads_alone: usize,
    running: BTreeMap<usize, Running>,
}

struct Running {
    child: Arc<Mutex<Child>>,
    // Closing it asks the child to stop.
    stdin: Option<ChildStdin>,
}

impl ProcessExecutor {
    /// An executor whose children read this sweep file and get these flags and threads; `alone` are
    /// those of a trial that has the machine to itself.
    pub(crate) fn new(sweep: OsString, flags: Vec<OsString>, threads: usize, alone: usize) -> Self {
        Self {
            sweep,
            flags,
            threads,
            threads_alone: alone,
            running: BTreeMap::new(),
        }
    }

    fn command(&self, trial: &Trial) -> io::Result<Command> {
        let mut command = own_program()?;
        let threads = if trial.runs_alone() {
            self.threads_alone
        } else {
            self.threads
        };
        command
            .arg("trial")
            .args(&self.flags)
            .args(["--supervised", "--json", "--"])
            .arg(&self.sweep)
            .arg(trial.id.full())
            .env("RAYON_NUM_THREADS", threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(command)
    }
}

/// This program: on Linux the running image itself, even when its file has been rebuilt since.
fn own_program() -> io::Result<Command> {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new("/proc/self/exe");
        command.arg0("xp");
        Ok(command)
    }
    #[cfg(not(target_os = "linux"))]
    {
        std::env::current_exe().map(Command::new)
    }
}

impl Executor for ProcessExecutor {
    fn start(&mut self, index: usize, trial: &Trial, send: Sender<Message>) -> io::Result<()> {
        let mut child = self.command(trial)?.spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        let child = Arc::new(Mutex::new(child));
        self.running.insert(
            index,
            Running {
                child: Arc::clone(&child),
                stdin,
            },
        );
        let id = trial.id.short();
        thread::spawn(move || {
            let talk = thread::spawn(move || keep_tail(stderr, &id));
            forward(stdout, index, &send);
            let tail = talk.join().unwrap_or_default();
            let ending = wait(&child, tail);
            // The receiver is gone only when the whole runner is.
            let _ = send.send(Message::Ended(index, ending));
        });
        Ok(())
    }

    fn stop(&mut self, index: usize) {
        if let Some(running) = self.running.get_mut(&index) {
            running.stdin = None;
        }
    }

    fn kill(&mut self, index: usize) {
        if let Some(running) = self.running.get(&index)
            && let Ok(mut child) = running.child.lock()
        {
            // A child that has ended cannot be killed, which is what is wanted.
            let _ = child.kill();
        }
    }

    fn stop_all(&mut self) {
        for running in self.running.values_mut() {
            running.stdin = None;
        }
    }

    fn kill_all(&mut self) {
        for running in self.running.values_mut() {
            if let Ok(mut child) = running.child.lock() {
                // A child that has ended cannot be killed, which is what is wanted.
                let _ = child.kill();
            }
        }
    }
}

fn forward(stdout: impl Read, index: usize, send: &Sender<Message>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        match serde_json::from_str::<Event>(&line) {
            Ok(event) => {
                let _ = send.send(Message::Event(index, event));
            }
            Err(error) => tracing::warn!(%line, %error, "a trial said something else"),
        }
    }
}

fn keep_tail(stderr: impl Read, id: &str) -> String {
    let mut tail = VecDeque::new();
    for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        tracing::info!(trial = id, "{line}");
        if tail.len() == TAIL {
            tail.pop_front();
        }
        tail.push_back(line);
    }
    tail.make_contiguous().join("\n").trim().to_owned()
}

/// Waits without holding the lock, so that the child can be killed meanwhile.
fn wait(child: &Mutex<Child>, tail: String) -> Ending {
    loop {
        let status = match child.lock() {
            Ok(mut child) => child.try_wait(),
            Err(_) => return Ending::Code(-1, tail),
        };
        match status {
            Ok(Some(status)) => return ending(status, tail),
            Ok(None) => thread::sleep(Duration::from_millis(5)),
            Err(error) => return Ending::Code(-1, format!("{tail}\n{error}")),
        }
    }
}

fn ending(status: ExitStatus, tail: String) -> Ending {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return Ending::Signal(signal, tail);
        }
    }
    Ending::Code(status.code().unwrap_or(-1), tail)
}
