//! Whether a folder's claims are locks or leases.
//!
//! Locks are taken where they work and the file system is this machine's own. On one that other machines may have too
//! they are not trusted: NFS without a lock manager and Lustre without `-o flock` refuse them, and with `nolock`,
//! `local_lock` or `localflock` they hold on each machine for itself, which no attempt shows.
//!
//! All who use a folder must hold its claims alike. So the first one notes its choice in `claims/kind`, and whoever
//! cannot do as is noted there is refused.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

use super::locks;
use crate::mounts::is_shared;
use crate::store::layout::Layout;
use crate::{Error, durable};

/// What a lease of [`Kind::Leases`] lives without a sign of its holder, where nobody says otherwise.
const EXPIRES: Duration = Duration::from_mins(1);

/// Takes the choice from the program: `locks`, `leases`, or `leases:SECONDS`.
const VARIABLE: &str = "SWITCHYARD_CLAIMS";

/// How claims are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Locks,
    Leases {
        /// How long one lives without a sign of its holder; at least a second.
        expires: Duration,
    },
}

impl Kind {
    /// Reads `locks`, `leases` or `leases SECONDS`.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split([' ', ':']);
        let kind = match (words.next()?, words.next()) {
            ("locks", None) => Self::Locks,
            ("leases", None) => Self::Leases { expires: EXPIRES },
            ("leases", Some(seconds)) => {
                let seconds = seconds.parse().ok().filter(|seconds| *seconds > 0)?;
                let expires = Duration::from_secs(seconds);
                Self::Leases { expires }
            }
            _ => return None,
        };
        words.next().is_none().then_some(kind)
    }

    fn text(self) -> String {
        match self {
            Self::Locks => "locks\n".to_owned(),
            Self::Leases { expires } => format!("leases {}\n", expires.as_secs()),
        }
    }
}

/// What a folder says of its claims; `None` where it says nothing.
pub(super) fn noted(layout: &Layout) -> Result<Option<Kind>, Error> {
    let path = layout.kind_of_claims();
    let Some(bytes) = durable::read_if_there(&path)? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes);
    match Kind::parse(text.trim_end()) {
        Some(kind) => Ok(Some(kind)),
        None => Err(Error::corrupt(
            &path,
            "it says neither `locks` nor `leases`",
            "delete it while no trial of the sweep runs",
        )),
    }
}

/// What a folder says of its claims, having it say something where it does not.
pub(super) fn choose(layout: &Layout) -> Result<Kind, Error> {
    let path = layout.kind_of_claims();
    let own = needed(layout)?;
    if !path.exists() {
        match own {
            // Nobody takes its temporary file for a dead process's.
            Kind::Locks => locks::gated(layout, || note(layout, own))?,
            Kind::Leases { .. } => note(layout, own)?,
        }
    }
    match noted(layout)?.unwrap_or(own) {
        Kind::Locks if own != Kind::Locks => Err(Error::OnlyLocks { path }),
        kind => Ok(kind),
    }
}

/// Notes a kind, whole before it has its name; whoever is first gives the name.
fn note(layout: &Layout, kind: Kind) -> Result<(), Error> {
    let name = format!("kind-{}", durable::unique_suffix());
    let scratch = layout.tmp().join(name);
    durable::write_synced(&scratch, kind.text().as_bytes())?;
    let named = name_first(&scratch, &layout.kind_of_claims(), kind);
    durable::remove(&scratch)?;
    named
}

/// Gives a file a name that nothing has; that another was first is as good.
fn name_first(from: &Path, to: &Path, kind: Kind) -> Result<(), Error> {
    let mut named = fs::hard_link(from, to);
    let unlinkable = |error: &std::io::Error| error.kind() != ErrorKind::AlreadyExists;
    if named.as_ref().is_err_and(unlinkable) {
        // A file system without links.
        let made = OpenOptions::new().write(true).create_new(true).open(to);
        named = made.and_then(|mut file| file.write_all(kind.text().as_bytes()));
    }
    match named {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(Error::write(to, error)),
        _ => Ok(()),
    }
}

/// What this machine needs in this folder.
fn needed(layout: &Layout) -> Result<Kind, Error> {
    if let Some(asked) = std::env::var(VARIABLE)
        .ok()
        .filter(|asked| !asked.is_empty())
    {
        let kind = Kind::parse(&asked);
        return kind.ok_or(Error::Variable {
            name: VARIABLE,
            value: asked,
            expected: "`locks`, `leases` or `leases:SECONDS`",
        });
    }
    let leases = Kind::Leases { expires: EXPIRES };
    Ok(if is_shared(&layout.claims()) || !locks_work(layout) {
        leases
    } else {
        Kind::Locks
    })
}

/// Whether a lock can be taken at all. That somebody holds it says yes.
fn locks_work(layout: &Layout) -> bool {
    let path = layout.gate();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    // Where the folder cannot be written, whoever writes first says so.
    let refused = |file: File| matches!(file.try_lock(), Err(fs::TryLockError::Error(_)));
    !file.is_ok_and(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_as_it_is_written() {
        let ten = Kind::Leases {
            expires: Duration::from_secs(10),
        };
        for kind in [Kind::Locks, ten] {
            assert_eq!(Kind::parse(kind.text().trim_end()), Some(kind));
        }
        assert_eq!(Kind::parse("leases:10"), Some(ten));
        assert_eq!(
            Kind::parse("leases"),
            Some(Kind::Leases { expires: EXPIRES })
        );
        for wrong in ["", "lock", "locks 3", "leases 0", "leases -1", "leases 5 6"] {
            assert_eq!(Kind::parse(wrong), None, "{wrong}");
        }
    }
}
