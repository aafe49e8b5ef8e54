//! Who runs a trial: one question, and two ways in which a file system can hold the answer.
//!
//! Locks, where all who use the folder are on one machine: the system frees them with the process. [`leases`], where
//! machines share the folder, since locks may then be refused, or hold on each machine for itself. Which of the two
//! a folder has is chosen with the first opening and noted in it, see [`kind`].

mod kind;
mod lease;
mod leases;
mod locks;
mod space;

use std::sync::atomic::{AtomicBool, Ordering};

use kind::Kind;
pub(super) use lease::Fence;
use lease::Lease;
use leases::Leases;
use locks::Lock;

use super::layout::Layout;
use crate::Error;

/// The claims of one folder.
#[derive(Debug, Clone)]
pub(super) struct Claims {
    layout: Layout,
    /// Nothing where locks do.
    leases: Option<Leases>,
}

/// Who holds a claim.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) pid: Option<u32>,
    /// Its machine, where it may be another.
    pub(super) host: Option<String>,
}

/// A claim that is held. Dropping it frees the claim.
#[derive(Debug)]
pub(super) enum Hold {
    Lock(#[expect(dead_code, reason = "it is held, not looked at")] Lock),
    Lease(Lease),
}

impl Claims {
    /// Those of a folder that is only looked at. A damaged note is for whoever runs trials there to hear of.
    pub(super) fn view(layout: &Layout) -> Self {
        let kind = kind::noted(layout).ok().flatten();
        Self::of(layout, kind.unwrap_or(Kind::Locks))
    }

    /// Those of a folder in which trials are to run.
    pub(super) fn open(layout: &Layout) -> Result<Self, Error> {
        Ok(Self::of(layout, kind::choose(layout)?))
    }

    fn of(layout: &Layout, kind: Kind) -> Self {
        let leases = match kind {
            Kind::Locks => None,
            Kind::Leases { expires } => Some(Leases::new(layout, expires)),
        };
        Self {
            layout: layout.clone(),
            leases,
        }
    }

    /// Takes the claim; `None` when another holds it, and where `stop` was set before that was known.
    pub(super) fn take(&self, name: &str, stop: &AtomicBool) -> Result<Option<Hold>, Error> {
        let stopped = || stop.load(Ordering::Relaxed);
        Ok(match &self.leases {
            None => locks::take(&self.layout, name)?.map(Hold::Lock),
            Some(leases) => leases.take(name, &stopped)?.map(Hold::Lease),
        })
    }

    /// Runs something while nobody holds the claim, and has whoever takes it wait; `None` when another holds it.
    pub(super) fn while_free<T>(
        &self,
        name: &str,
        run: impl FnOnce() -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        match &self.leases {
            None => locks::while_free(&self.layout, name, run),
            Some(leases) => leases.while_free(name, run),
        }
    }

    /// Runs something while nobody [clears](Self::clear) what belongs to no trial.
    pub(super) fn gated<T>(&self, run: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        match &self.leases {
            None => locks::gated(&self.layout, run),
            Some(_) => run(),
        }
    }

    /// Runs something that clears what belongs to no trial, where it can be kept apart from those who make such.
    pub(super) fn clear(&self, run: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        match &self.leases {
            None => locks::gated(&self.layout, run),
            // A few bytes of a process that died are left rather than those of a living one taken away.
            Some(_) => Ok(()),
        }
    }

    /// Who holds the claim now; `None` when nobody does. Works on a folder that may not be written.
    pub(super) fn holder(&self, name: &str) -> Result<Option<Holder>, Error> {
        match &self.leases {
            None => locks::holder(&self.layout, name),
            Some(leases) => leases.holder(name),
        }
    }
}

impl Hold {
    /// What tells whether the claim is still held, for those who write on its behalf.
    pub(super) fn fence(&self) -> Fence {
        match self {
            Self::Lock(_) => Fence::default(),
            Self::Lease(lease) => lease.fence(),
        }
    }

    /// Makes sure that the claim is held, in the one way that no other machine's view can be behind of.
    pub(super) fn affirm(&mut self) -> Result<(), Error> {
        match self {
            Self::Lock(_) => Ok(()),
            Self::Lease(lease) => lease.renew(),
        }
    }
}
