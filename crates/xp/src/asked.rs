//! What results say of published claims, as pages show it.

use std::path::Path;

use claims::{FILE_NAME, Ledger, Place, Row, read_claims};
use report::ClaimEntry;
use runstore::{Collected, Manifest};

use crate::index;

/// The claims that are asked of a sweep whose tables are to stand in this folder. None where there is no file of claims,
/// where the folder is not the one that they are asked of, and where they cannot be asked, which is logged: results do not
/// hang on claims.
pub(crate) fn of_sweep(
    experiments: &Path,
    folder: &Path,
    (collected, manifest): (&Collected, &Manifest),
) -> Vec<ClaimEntry> {
    let root = index::root_of(folder);
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let Some(device) = name.strip_prefix(&format!("{}-", manifest.scale)) else {
        return Vec::new();
    };
    let (file, sweep) = (experiments.join(FILE_NAME), manifest.sweep.as_str());
    let place = Place {
        scale: manifest.scale.clone(),
        device: device.to_owned(),
        root: root.clone(),
    };
    let is_asked = std::path::absolute(folder).is_ok_and(|whole| whole == place.folder(sweep));
    if !is_asked || !file.exists() {
        return Vec::new();
    }
    let asked = read_claims(&file)
        .and_then(|claims| Ledger::ask_with(&claims, &place, Some((sweep, collected))));
    match asked {
        Ok(ledger) => ledger.map_or_else(Vec::new, |ledger| {
            entries(&ledger.of_sweep(sweep), &place.root)
        }),
        Err(error) => {
            tracing::warn!(%error, "the report says nothing of claims");
            Vec::new()
        }
    }
}

/// The claims of a ledger; the same wherever the folder of all results stands.
pub(crate) fn entries(ledger: &Ledger, root: &Path) -> Vec<ClaimEntry> {
    let root = format!("{}/", root.display());
    let elsewhere = |(name, text): (&'static str, String)| (name, text.replace(&root, ""));
    let entry = |row: Row| ClaimEntry {
        id: row.id,
        title: row.title,
        verdict: row.verdict,
        effect: row.effect,
        n: row.n,
        source: row.source,
        details: row.details.into_iter().map(elsewhere).collect(),
    };
    ledger.rows().into_iter().map(entry).collect()
}
