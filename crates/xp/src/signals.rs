//! Requests to stop: Ctrl-C, SIGTERM, and a closed standard input.

use std::{
    io::Read,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::exit::{Exit, Expected};

/// How often a person or the system has asked this process to stop.
pub(crate) static SIGNALS: AtomicUsize = AtomicUsize::new(0);

/// Set with the first request, for jobs.
pub(crate) static STOP: AtomicBool = AtomicBool::new(false);

/// Signals that come so close after one are the same request: a scheduler sends them to every process of a job, and
/// whoever gets one may pass it on.
const SAME: Duration = Duration::from_millis(500);

/// When the last request came.
static LAST: Mutex<Option<Instant>> = Mutex::new(None);

/// Whether a signal that comes now is a request of its own.
fn is_new() -> bool {
    let now = Instant::now();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_some_and(|last| now.duration_since(last) < SAME) {
        return false;
    }
    *last = Some(now);
    true
}

/// Counts Ctrl-C and termination signals from now on instead of dying of them.
///
/// The third one ends the process at once, in case it no longer listens.
#[expect(clippy::exit, reason = "a signal handler cannot return an exit code")]
pub(crate) fn listen() -> Result<(), Expected> {
    let count = || {
        STOP.store(true, Ordering::Relaxed);
        if is_new() && SIGNALS.fetch_add(1, Ordering::Relaxed) >= 2 {
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    };
    ctrlc::set_handler(count)
        .map_err(|error| Expected::io("listen for Ctrl-C", std::io::Error::other(error)))
}

/// Takes the end of standard input as a request to stop: the process that started this one closes
/// it, or has died.
pub(crate) fn stop_at_end_of_input() {
    thread::spawn(|| {
        let mut byte = [0];
        let mut input = std::io::stdin().lock();
        while input.read(&mut byte).is_ok_and(|read| read > 0) {}
        STOP.store(true, Ordering::Relaxed);
    });
}
