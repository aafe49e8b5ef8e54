//! Where a named model stands.

use std::path::{Path, PathBuf};

use runstore::{TrialId, TrialRef};

use crate::{
    cli::Places,
    exit::{Exit, Expected},
    recorded::{latest, stores},
};

/// What a name stands for.
pub(super) enum Found {
    /// A folder in the layout of Hugging Face.
    Folder(PathBuf),
    /// A trial, and the folder of the model that it kept.
    Trial { id: TrialId, folder: PathBuf },
}

impl Found {
    /// A folder; else a trial's id, its first digits or `latest`; else the name of a model in or beside
    /// the data folder.
    pub(super) fn of(name: &str, places: &Places) -> Result<Self, Expected> {
        if Path::new(name).is_dir() {
            return Ok(Self::Folder(name.into()));
        }
        match name.parse::<TrialRef>() {
            Ok(trial) => Self::trial(&trial, places),
            Err(_) => Ok(Self::Folder(corpora::model_folder(
                name,
                &places.data.dir(),
            )?)),
        }
    }

    fn trial(wanted: &TrialRef, places: &Places) -> Result<Self, Expected> {
        let stores = stores(&places.work)?;
        let mut known = Vec::new();
        for store in &stores {
            known.extend(store.published()?.into_iter().map(|id| (id, store)));
        }
        let mut ids: Vec<_> = known.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        let id = wanted.pick(&ids, latest(&stores)?)?;
        let mut kept = known.iter().filter(|(known, _)| *known == id);
        let folder = kept.find_map(|(_, store)| store.model_dir(&id));
        folder.map(|folder| Self::Trial { id, folder }).ok_or_else(|| {
            Expected::new(
                Exit::Missing,
                format!("trial {id} kept no weights"),
                "run it in a sweep with `--set save=last`; `--set save=best` keeps those of the best \
                 evaluation",
            )
        })
    }
}
