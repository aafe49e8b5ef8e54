//! What the end of a trial's process means.

use super::executor::Ending;
use crate::exit::Exit;

/// What is to follow.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Every further trial would end so: the exit code, and what was said.
    Halt(Exit, String),
    /// Somebody else asked it to stop, and it had nothing to save yet.
    Asked,
    /// This trial failed.
    Failed { error: String, exit: String },
}

/// The signals by which a process is asked to stop: a scheduler sends them to every process of a job.
const HANGUP: i32 = 1;
const INTERRUPT: i32 = 2;
const TERMINATE: i32 = 15;

/// What the end of a process means that said nothing about it.
pub(super) fn judge(ending: Ending) -> Verdict {
    let (code, tail) = match ending {
        Ending::Signal(9, _) => {
            let error = "killed by signal 9, most often for lack of memory".to_owned();
            return Verdict::Failed {
                error,
                exit: "signal 9".to_owned(),
            };
        }
        Ending::Signal(HANGUP | INTERRUPT | TERMINATE, _) => return Verdict::Asked,
        Ending::Signal(signal, tail) => {
            let error = match out_of_memory(&tail) {
                Some(line) => format!("memory ran out: {line}"),
                None => format!("ended by signal {signal}{}", last_line(&tail)),
            };
            return Verdict::Failed {
                error,
                exit: format!("signal {signal}"),
            };
        }
        Ending::Code(code, tail) => (code, tail),
    };
    match Exit::from_code(code) {
        Some(
            exit @ (Exit::Usage | Exit::Missing | Exit::Nothing | Exit::Store | Exit::Refused),
        ) => Verdict::Halt(exit, tail),
        Some(Exit::Done) => Verdict::Failed {
            error: "its process ended without a result".to_owned(),
            exit: "exit code 0".to_owned(),
        },
        _ => Verdict::Failed {
            error: format!("its process ended with code {code}{}", last_line(&tail)),
            exit: format!("exit code {code}"),
        },
    }
}

/// The last line that says something of what went wrong.
fn last_line(tail: &str) -> String {
    let says = |line: &&str| !line.is_empty() && !line.starts_with("note: ");
    match tail.lines().map(str::trim).rev().find(says) {
        Some(line) => format!(": {line}"),
        None => String::new(),
    }
}

/// What Rust's allocator says before it ends the process.
fn out_of_memory(tail: &str) -> Option<&str> {
    let says = |line: &&str| line.starts_with("memory allocation of ");
    tail.lines().map(str::trim).find(says)
}
