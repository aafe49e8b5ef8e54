//! Where a named model stands.

use std::path::{Path, PathBuf};

use runstore::{TrialId, TrialRef};

use crate::{
    cli::Places,
    exit::{Exit, Expected},
    recorded::{latest, published, stores},
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
        let folder = Path::new(name);
        if folder.is_dir() {
            return match of_trial(folder) {
                Some(id) => Self::kept(id, folder, places),
                None => Ok(Self::Folder(name.into())),
            };
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
        let elsewhere = published(&places.results)?;
        let mut ids: Vec<_> = known.iter().map(|(id, _)| *id).collect();
        ids.extend(elsewhere.iter().map(|(id, _)| *id));
        ids.sort_unstable();
        ids.dedup();
        let id = wanted.pick(&ids, latest(&stores)?)?;
        for (_, store) in known.iter().filter(|(known, _)| *known == id) {
            if let Some(folder) = store.model_dir(&id) {
                store.check_model(&id)?;
                return Ok(Self::Trial { id, folder });
            }
        }
        let ran_here = known.iter().any(|(known, _)| *known == id);
        let recorded = elsewhere.into_iter().find(|(known, _)| *known == id);
        if let (false, Some((_, row))) = (ran_here, recorded) {
            let (sweep, scale) = (&row.sweep, &row.scale);
            return Err(Expected::new(
                Exit::Missing,
                format!("trial {id} is in the results alone, which hold no weights"),
                format!(
                    "run it here: `xp trial {sweep} {id} --scale {scale} --set save=last --rerun`, beside what it was \
                     run with"
                ),
            ));
        }
        Err(Expected::new(
            Exit::Missing,
            format!("trial {id} kept no weights"),
            "run it again with `--set save=last --rerun` beside what it was run with; `--set save=best` \
             keeps those of the best evaluation",
        ))
    }

    /// The model of a trial by the folder that it keeps it in: what is there is no whole without the rest
    /// of the trial.
    fn kept(id: TrialId, folder: &Path, places: &Places) -> Result<Self, Expected> {
        for store in stores(&places.work)? {
            let own = store.model_dir(&id).filter(|own| same(own, folder));
            if let Some(folder) = own {
                store.check_model(&id)?;
                return Ok(Self::Trial { id, folder });
            }
        }
        Err(Expected::new(
            Exit::Usage,
            format!(
                "{} is the model that trial {id} kept, and {} does not know that trial",
                folder.display(),
                places.work.display()
            ),
            format!("give its working folder with --work, and `{id}` in the place of the folder"),
        ))
    }
}

/// The trial that keeps its model in this folder.
fn of_trial(folder: &Path) -> Option<TrialId> {
    let whole = folder.canonicalize().ok()?;
    let trial = whole.parent()?;
    let note = trial.join("trial.json").is_file();
    let id = trial.file_name()?.to_str()?.parse().ok();
    id.filter(|_| note && whole.ends_with("model"))
}

fn same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    whole(one).is_some_and(|one| whole(other) == Some(one))
}
