//! How long a trial has been running, and what is done about it.

use std::time::{Duration, Instant};

use crate::config::TimeLimit;

/// The time limit of trials, and how long one may take to save itself after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// As the sweep or the command line gives it.
    pub(crate) time: TimeLimit,
    /// Until it is ended.
    pub(crate) grace: Duration,
}

/// What a trial is due for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// To save and stop.
    Stop,
    /// To be ended.
    Kill,
}

/// The clock of one running trial.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    asked: bool,
    killed: bool,
}

impl Clock {
    /// A clock that begins now.
    pub(super) fn start() -> Self {
        Self {
            started: Instant::now(),
            asked: false,
            killed: false,
        }
    }

    /// What is due by now; each is said once.
    pub(super) fn due(&mut self, limit: &Limit) -> Option<Due> {
        let over = self.started.elapsed().checked_sub(limit.time.duration())?;
        if !self.asked {
            self.asked = true;
            Some(Due::Stop)
        } else if !self.killed && over >= limit.grace {
            self.killed = true;
            Some(Due::Kill)
        } else {
            None
        }
    }

    /// Whether its time was over.
    pub(super) const fn was_over(&self) -> bool {
        self.asked
    }

    /// Whether it had to be ended.
    pub(super) const fn was_killed(&self) -> bool {
        self.killed
    }
}
