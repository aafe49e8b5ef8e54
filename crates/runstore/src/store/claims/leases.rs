//! Claims that hold without locks of the file system, between machines whose clocks disagree.
//!
//! The lease of a trial is the file `claims/<id>.<token>.lease` of its highest token. Tokens count up, each file is
//! made by one process alone, and no name is used again: so of two processes that take a free trial one makes the
//! next file, and a process that was taken for dead finds that its token is no longer the highest
//! ([`Fence`](super::lease::Fence)). Before a record is published its process makes the next token's file itself; that
//! there is one record is in the end a matter of one rename.
//!
//! Whether a holder is alive: on the machine on which it runs the system says so. From elsewhere its beats are watched,
//! by the watcher's own clock, which must see no beat for the time that the folder's note says. Of that clock only
//! what lies between looks counts: a watcher that was itself stopped has not watched.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Holder;
use super::lease::{Doing, Found, Lease};
use crate::Error;
use crate::store::layout::Layout;

/// The longest time between two looks at a lease.
const LOOK: Duration = Duration::from_millis(200);

/// How often another may be first with a free trial before it counts as theirs.
const RACES: usize = 20;

/// The leases of one folder.
#[derive(Debug, Clone)]
pub(super) struct Leases {
    layout: Layout,
    /// How long a holder may give no sign.
    expires: Duration,
    watched: Arc<Mutex<HashMap<PathBuf, Watch>>>,
}

/// How a trial stands.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Free,
    /// Another clears it and will be done in a moment.
    Tidied,
    Held,
    /// Its holder is on another machine and may be dead.
    Unheard,
}

impl Leases {
    pub(super) fn new(layout: &Layout, expires: Duration) -> Self {
        Self {
            layout: layout.clone(),
            expires,
            watched: Arc::default(),
        }
    }

    /// Takes a trial. Where its holder may be dead, that is watched until it is known, or until it does not matter any
    /// more.
    pub(super) fn take(
        &self,
        name: &str,
        stopped: &dyn Fn() -> bool,
    ) -> Result<Option<Lease>, Error> {
        let mut first = None;
        let mut races = 0;
        loop {
            let newest = self.newest(name)?;
            match self.standing(name, newest.as_ref()) {
                Standing::Held => return Ok(None),
                Standing::Free => {
                    let token = newest.map_or(0, |(token, _)| token) + 1;
                    if let Some(lease) = self.make(name, token, Doing::Runs)? {
                        return Ok(Some(lease));
                    }
                    races += 1;
                }
                // A beat says that it lives.
                Standing::Unheard if *first.get_or_insert_with(|| newest.clone()) != newest => {
                    return Ok(None);
                }
                Standing::Unheard | Standing::Tidied => {}
            }
            if stopped() || races > RACES {
                return Ok(None);
            }
            std::thread::sleep(LOOK.min(self.expires / 50));
        }
    }

    pub(super) fn while_free<T>(
        &self,
        name: &str,
        run: impl FnOnce() -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let newest = self.newest(name)?;
        if self.standing(name, newest.as_ref()) != Standing::Free {
            return Ok(None);
        }
        let token = newest.map_or(0, |(token, _)| token) + 1;
        match self.make(name, token, Doing::Tidies)? {
            Some(_lease) => run().map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn holder(&self, name: &str) -> Result<Option<Holder>, Error> {
        let Some((token, found)) = self.newest(name)? else {
            return Ok(None);
        };
        let maker = found.maker();
        Ok(match self.standing(name, Some(&(token, found))) {
            Standing::Free | Standing::Tidied => None,
            Standing::Held | Standing::Unheard => Some(Holder {
                pid: maker.as_ref().map(|maker| maker.process.pid),
                host: maker.map(|maker| maker.host),
            }),
        })
    }

    fn make(&self, name: &str, token: u64, doing: Doing) -> Result<Option<Lease>, Error> {
        Lease::make(&self.layout, name, token, doing, self.expires)
    }

    /// The lease of the highest token.
    fn newest(&self, name: &str) -> Result<Option<(u64, Found)>, Error> {
        let mut newest = None;
        for token in 1.. {
            match Found::read(&self.layout.lease(name, token))? {
                Some(found) => newest = Some((token, found)),
                None => break,
            }
        }
        Ok(newest)
    }

    fn standing(&self, name: &str, newest: Option<&(u64, Found)>) -> Standing {
        let Some((token, found)) = newest else {
            return Standing::Free;
        };
        let doing = found.doing();
        if doing == Some(Doing::Gone) {
            return Standing::Free;
        }
        let lives = found.maker().and_then(|maker| maker.process.lives());
        let path = self.layout.lease(name, *token);
        if lives == Some(false) || (lives.is_none() && self.is_silent(path, found)) {
            Standing::Free
        } else if doing == Some(Doing::Tidies) {
            Standing::Tidied
        } else if lives == Some(true) {
            Standing::Held
        } else {
            Standing::Unheard
        }
    }

    /// Whether this process has seen no beat of a lease for long enough.
    fn is_silent(&self, path: PathBuf, found: &Found) -> bool {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let watch = watched
            .entry(path)
            .or_insert_with(|| Watch::new(found, now));
        watch.look(found, now, self.expires) >= self.expires
    }
}

/// How long a lease has looked the same to this process.
#[derive(Debug)]
struct Watch {
    found: Found,
    silent: Duration,
    last: Instant,
}

impl Watch {
    fn new(found: &Found, now: Instant) -> Self {
        Self {
            found: found.clone(),
            silent: Duration::ZERO,
            last: now,
        }
    }

    /// Looks once more. A quarter of the time that a lease lives is the most that one look can add.
    fn look(&mut self, found: &Found, now: Instant, expires: Duration) -> Duration {
        if self.found == *found {
            self.silent += now.duration_since(self.last).min(expires / 4);
            self.last = now;
        } else {
            *self = Self::new(found, now);
        }
        self.silent
    }
}
