//! What this program was built from, as `build.rs` noted it.

use runstore::{Built, Provenance};

/// This program and this machine.
pub(crate) fn provenance() -> Provenance {
    Provenance::gather(Built {
        commit: option_env!("SWITCHYARD_COMMIT"),
        dirty: option_env!("SWITCHYARD_COMMIT_DIRTY") == Some("true"),
    })
}
