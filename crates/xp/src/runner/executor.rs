//! What starts a trial.

use std::{io, sync::mpsc::Sender};

use crate::{config::Trial, jobs::Event};

/// What a running trial sends; `usize` is its place in the list of trials.
#[derive(Debug)]
pub(crate) enum Message {
    /// It tells something.
    Event(usize, Event),
    /// It is no longer running.
    Ended(usize, Ending),
}

/// How a trial's process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With this exit code; the text is the end of what it wrote to stderr.
    Code(i32, String),
    /// By this signal.
    Signal(i32, String),
}

/// Starts trials. Every started trial sends exactly one [`Message::Ended`].
pub(crate) trait Executor {
    /// Starts one trial; what it tells is sent to `send`.
    fn start(&mut self, index: usize, trial: &Trial, send: Sender<Message>) -> io::Result<()>;

    /// Asks one running trial to save its state and stop.
    fn stop(&mut self, index: usize);

    /// Ends one running trial at once.
    fn kill(&mut self, index: usize);

    /// Asks every running trial to save its state and stop.
    fn stop_all(&mut self);

    /// Ends every running trial at once.
    fn kill_all(&mut self);
}
