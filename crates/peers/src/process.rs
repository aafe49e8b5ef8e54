//! One PyTorch process: a JSON request a line in, an answer a line out.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::PeersError;

/// How a peer is started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The interpreter.
    pub python: String,
    /// The folder with `peer.py`.
    pub programs: PathBuf,
    /// PyTorch's device.
    pub device: String,
    /// Threads, the same as ours.
    pub threads: usize,
    /// Where its log goes.
    pub work: PathBuf,
    /// The longest that one answer may take.
    pub patience: Duration,
}

/// What PyTorch says about itself.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Hello {
    pub(crate) torch: String,
    pub(crate) python: String,
    pub(crate) device: String,
    pub(crate) threads: usize,
}

/// What a request came to.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The fields of the answer.
    Good(Value),
    /// This PyTorch cannot do it.
    Unavailable(String),
    /// It went wrong; the process can be asked again.
    Failed(String),
}

/// A running peer. Dropping it ends it.
pub(crate) struct Peer {
    child: Child,
    requests: Option<ChildStdin>,
    answers: Receiver<String>,
    patience: Duration,
}

impl Peer {
    /// Starts a peer; `name` is that of its log.
    pub(crate) fn start(launch: &Launch, name: &str) -> Result<(Self, Hello), PeersError> {
        let program = launch.programs.join("peer.py");
        if !program.is_file() {
            return Err(PeersError::NoProgram(program));
        }
        let log = launch.work.join(format!("{name}.log"));
        let log = fs::create_dir_all(&launch.work)
            .and_then(|()| File::create(&log))
            .map_err(|error| PeersError::file(&log, &error))?;
        let threads = launch.threads.to_string();
        let mut child = Command::new(&launch.python)
            .arg(&program)
            .args(["--device", &launch.device, "--threads", &threads])
            .env("OMP_NUM_THREADS", &threads)
            .env("MKL_NUM_THREADS", &threads)
            .env("PYTHONUNBUFFERED", "1")
            .envs(ALLOCATOR)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|source| PeersError::NoPython {
                python: launch.python.clone(),
                source,
            })?;
        let (requests, answers) = (child.stdin.take(), lines_of(&mut child));
        let mut peer = Self {
            child,
            requests,
            answers,
            patience: launch.patience,
        };
        match peer.ask_raw(&json!({"op": "hello"}))? {
            answer if answer.get("missing").is_some() => Err(PeersError::NoPackage {
                python: launch.python.clone(),
                package: text(&answer, "missing"),
            }),
            answer if answer.get("error").is_some() => Err(PeersError::Peer(format!(
                "failed: {}",
                text(&answer, "error")
            ))),
            answer => {
                let hello: Hello = serde_json::from_value(answer)
                    .map_err(|error| PeersError::Peer(format!("said hello wrongly: {error}")))?;
                Ok((peer, hello))
            }
        }
    }

    /// Asks for something.
    ///
    /// # Errors
    ///
    /// When the process is gone or too slow; it must then not be asked again.
    pub(crate) fn ask(&mut self, request: &Value) -> Result<Answer, PeersError> {
        let answer = self.ask_raw(request)?;
        Ok(if answer.get("error").is_some() {
            Answer::Failed(text(&answer, "error"))
        } else if answer.get("unavailable").is_some() {
            Answer::Unavailable(text(&answer, "unavailable"))
        } else {
            Answer::Good(answer)
        })
    }

    fn ask_raw(&mut self, request: &Value) -> Result<Value, PeersError> {
        let gone = |what: &str| PeersError::Peer(what.to_owned());
        let pipe = self.requests.as_mut().ok_or_else(|| gone("has ended"))?;
        writeln!(pipe, "{request}")
            .and_then(|()| pipe.flush())
            .map_err(|_| gone("ended before it was asked"))?;
        let line = self
            .answers
            .recv_timeout(self.patience)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => PeersError::Peer(format!(
                    "gave no answer to {} within {} s",
                    request["op"],
                    self.patience.as_secs_f64()
                )),
                RecvTimeoutError::Disconnected => {
                    PeersError::Peer(format!("ended at {}", request["op"]))
                }
            })?;
        serde_json::from_str(&line)
            .map_err(|_| PeersError::Peer(format!("answered what is no JSON: {line}")))
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends by itself when its input does; one that hangs is killed.
        drop(self.requests.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// glibc gives large blocks back to the system at once, so that PyTorch would pay for fresh pages in
/// every sample; kept, they are reused, as our allocator does. No effect elsewhere.
const ALLOCATOR: [(&str, &str); 2] = [
    ("MALLOC_MMAP_MAX_", "0"),
    ("MALLOC_TRIM_THRESHOLD_", "68719476736"),
];

/// Reads the answers on a thread of its own, so that waiting for one can end.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let (send, receive) = channel();
    if let Some(pipe) = child.stdout.take() {
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
    }
    receive
}

fn text(answer: &Value, field: &str) -> String {
    answer[field].as_str().unwrap_or_default().to_owned()
}

/// Processor time that a process has used, in seconds, where the system tells.
pub(crate) fn processor_seconds(process: u32) -> Option<f64> {
    spent(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// Page faults of this process so far that needed no disk, where the system tells.
pub(crate) fn page_faults() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(7)?.parse().ok()
}

/// User and system time in a line of `/proc/PID/stat`, whose ticks are hundredths of a second on
/// every Linux. The program's name, in brackets, may hold anything.
fn spent(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut ticks = fields.split(' ').skip(11);
    let (user, system): (f64, f64) = (ticks.next()?.parse().ok()?, ticks.next()?.parse().ok()?);
    Some((user + system) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_user_plus_system() {
        let line = "7 (a) b) S 1 7 7 0 -1 4194304 9 0 0 0 250 50 0 0 20 0 1 0 100";
        assert_eq!(spent(line), Some(3.0));
        assert_eq!(spent("7 (cut"), None);
    }
}
