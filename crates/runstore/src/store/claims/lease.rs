//! One lease: a file that one process alone can have made, and the signs of life in it.
//!
//! ```text
//! {"host":"n1","process":{"pid":4711,...}}
//! runs 00000000000000000012
//! ```
//!
//! The second line is written anew with each beat, at its place and in its length, so that no reader meets a file
//! that is shorter. No time of day is in it: machines do not agree on that.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sysinfo::System;

use super::space::Process;
use crate::Error;
use crate::store::layout::Layout;

/// How many beats fit into the time after which a lease counts as left.
const BEATS: u32 = 6;

/// Who made a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Maker {
    pub(super) host: String,
    pub(super) process: Process,
}

/// What its holder does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Runs the trial.
    Runs,
    /// Clears what another left of it, which takes a moment.
    Tidies,
    /// Nothing more: the trial is free.
    Gone,
}

impl Doing {
    const fn word(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Tidies => "tidy",
            Self::Gone => "gone",
        }
    }

    pub(super) fn read(line: &str) -> Option<Self> {
        let word = line.split(' ').next()?;
        let all = [Self::Runs, Self::Tidies, Self::Gone];
        all.into_iter().find(|doing| doing.word() == word)
    }

    fn line(self, beat: u64) -> String {
        format!("{} {beat:020}\n", self.word())
    }
}

/// A lease that this process holds. Dropping it leaves the trial free.
#[derive(Debug)]
pub(in crate::store) struct Lease {
    layout: Layout,
    name: String,
    token: u64,
    doing: Doing,
    expires: Duration,
    pulse: Arc<Pulse>,
    /// Dropped to end the beats.
    stop: Option<Sender<()>>,
    beats: Option<JoinHandle<()>>,
}

impl Lease {
    /// Makes the lease of this token; `None` where another process made it. Who makes a file that is not there is
    /// for the file system to say, on NFS from version 3 and on the others for its server.
    pub(super) fn make(
        layout: &Layout,
        name: &str,
        token: u64,
        doing: Doing,
        expires: Duration,
    ) -> Result<Option<Self>, Error> {
        let path = layout.lease(name, token);
        let maker = Maker {
            host: System::host_name().unwrap_or_default(),
            process: Process::own(),
        };
        let mut text = serde_json::to_string(&maker).expect("own types have text keys");
        text.push('\n');
        let place = text.len() as u64;
        text.push_str(&doing.line(0));
        let made = OpenOptions::new().write(true).create_new(true).open(&path);
        let mut file = match made {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
            Err(source) => return Err(Error::write(&path, source)),
        };
        let written = file.write_all(text.as_bytes());
        written.map_err(|source| Error::write(&path, source))?;
        let pulse = Arc::new(Pulse {
            next: layout.lease(name, token + 1),
            path,
            place,
            lost: AtomicBool::new(false),
            name: name.to_owned(),
        });
        let (stop, stopped) = channel();
        let beating = Arc::clone(&pulse);
        let beats = std::thread::spawn(move || {
            let mut beat = 0;
            while stopped.recv_timeout(expires / BEATS) == Err(RecvTimeoutError::Timeout) {
                beat += 1;
                if beating.is_lost() {
                    return;
                }
                if let Err(error) = beating.show(doing, beat) {
                    // The next beat may come through; if none does, the lease expires, as it should.
                    tracing::debug!(%error, path = %beating.path.display(), "a beat was not written");
                }
            }
        });
        Ok(Some(Self {
            layout: layout.clone(),
            name: name.to_owned(),
            token,
            doing,
            expires,
            pulse,
            stop: Some(stop),
            beats: Some(beats),
        }))
    }

    pub(super) fn fence(&self) -> Fence {
        Fence(Some(Arc::clone(&self.pulse)))
    }

    /// Goes on under the next token, which whoever takes the trial over would make: only one can.
    pub(super) fn renew(&mut self) -> Result<(), Error> {
        let next = Self::make(
            &self.layout,
            &self.name,
            self.token + 1,
            self.doing,
            self.expires,
        )?;
        match next {
            Some(next) => {
                *self = next;
                Ok(())
            }
            None => Err(self.pulse.taken_over()),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(beats) = self.beats.take() {
            // A beat that panicked has nothing to say that matters now.
            let _ = beats.join();
        }
        if let Err(error) = self.pulse.show(Doing::Gone, 0) {
            tracing::debug!(%error, "a lease was left to expire");
        }
    }
}

/// The file of a lease, as its holder knows it.
#[derive(Debug)]
struct Pulse {
    path: PathBuf,
    /// The lease of whoever comes after.
    next: PathBuf,
    /// Where the line of signs begins.
    place: u64,
    lost: AtomicBool,
    name: String,
}

impl Pulse {
    fn show(&self, doing: Doing, beat: u64) -> io::Result<()> {
        // Opened each time: closing is what has NFS tell the others.
        let mut file = OpenOptions::new().write(true).open(&self.path)?;
        file.seek(SeekFrom::Start(self.place))?;
        file.write_all(doing.line(beat).as_bytes())
    }

    fn is_lost(&self) -> bool {
        if self.next.exists() {
            self.lost.store(true, Ordering::Relaxed);
        }
        self.lost.load(Ordering::Relaxed)
    }

    fn taken_over(&self) -> Error {
        self.lost.store(true, Ordering::Relaxed);
        let by = Found::read(&self.next).ok().flatten();
        Error::TakenOver {
            name: self.name.clone(),
            host: by.and_then(|found| Some(found.maker()?.host)),
        }
    }
}

/// Tells those who write on behalf of a claim whether it is still held.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Fence(Option<Arc<Pulse>>);

impl Fence {
    /// An error where another process has taken the trial over.
    pub(in crate::store) fn check(&self) -> Result<(), Error> {
        match &self.0 {
            Some(pulse) if pulse.is_lost() => Err(pulse.taken_over()),
            _ => Ok(()),
        }
    }
}

/// What is read of a lease, whoever holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found(Vec<u8>);

impl Found {
    /// `None` where there is no such lease.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Error> {
        Ok(crate::durable::read_if_there(path)?.map(Self))
    }

    /// Who made it; `None` where that is not written yet.
    pub(super) fn maker(&self) -> Option<Maker> {
        let end = self.0.iter().position(|byte| *byte == b'\n')?;
        serde_json::from_slice(&self.0[..end]).ok()
    }

    /// What its holder does; `None` where that is not written yet.
    pub(super) fn doing(&self) -> Option<Doing> {
        let text = String::from_utf8_lossy(&self.0);
        Doing::read(text.lines().nth(1)?)
    }
}
