//! One sweep at one scale on one device, opened: what every command on a sweep starts from.

use std::{fs, path::PathBuf};

use corpora::{DataDir, FetchPolicy};
use runstore::{Store, TrialId, TrialRef};

use crate::{
    cli::{Select, Where},
    config::{Sweep, SweepFile, SweepOptions, Trial},
    device::DeviceChoice,
    exit::Expected,
    sources::{Memory, Sources},
};

/// An opened sweep.
#[derive(Debug)]
pub(crate) struct Session {
    /// The file as it was read.
    pub(crate) text: Vec<u8>,
    /// The sweep at its scale.
    pub(crate) sweep: Sweep,
    /// Its trials.
    pub(crate) trials: Vec<Trial>,
    /// Points that ask the same question as another trial.
    pub(crate) duplicates: usize,
    /// Where its trials run.
    pub(crate) device: DeviceChoice,
    /// Its working folder.
    pub(crate) store: Store,
    /// Its results folder.
    pub(crate) results: PathBuf,
    /// Where text is.
    pub(crate) data: DataDir,
    /// What the data are made of that its trials read.
    pub(crate) sources: Sources,
}

/// Whether a command only looks or also runs trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It makes and removes nothing.
    Look,
    /// It runs trials.
    Run(FetchPolicy),
}

impl Session {
    /// Reads the sweep file, resolves its trials and opens its store.
    pub(crate) fn open(select: &Select, place: &Where, access: Access) -> Result<Self, Expected> {
        let file = SweepFile::open(&select.sweep, &select.experiments)?;
        let text = fs::read(&file.path).unwrap_or_default();
        let options = SweepOptions {
            scale: select.scale.clone(),
            set: select.set.clone(),
        };
        let sweep = Sweep::resolve(file, &options)?;
        let points = sweep.points()?;
        let device = match &place.device {
            Some(text) => text.parse()?,
            None => sweep.device.unwrap_or(DeviceChoice::Cpu),
        };
        if access != Access::Look {
            device.check_compiled()?;
        }
        let variant = format!("{}-{}", sweep.scale, device.label());
        let work = &place.places.work;
        let mut store = Store::view(work, &sweep.name, &variant)?;
        let results = place
            .places
            .results
            .join(&sweep.name)
            .join(results_name(&variant, &sweep.overrides));
        let memory = Memory::of(&store, &results);
        let data = memory.data_dir(&place.places.data);
        let mut sources = Sources::new(data.clone(), access, memory);
        let trials = sweep.trials(points, &mut |settings| sources.of(settings))?;
        if access != Access::Look {
            store = Store::open(work, &sweep.name, &variant)?;
            sources.remember(&store, &place.places.data)?;
        }
        Ok(Self {
            text,
            sweep,
            trials: trials.list,
            duplicates: trials.duplicates,
            device,
            store,
            results,
            data,
            sources,
        })
    }

    /// The place of the one trial that an id, its first digits or `latest` names.
    pub(crate) fn pick(&self, text: &str) -> Result<usize, Expected> {
        let known: Vec<TrialId> = self.trials.iter().map(|trial| trial.id).collect();
        let id = text
            .parse::<TrialRef>()?
            .pick(&known, self.store.latest()?)?;
        Ok(known
            .iter()
            .position(|known| *known == id)
            .expect("it was picked of the known"))
    }

    /// A copy of the sweep file in the working folder, so that the trials of a running sweep are
    /// not changed by editing the file.
    pub(crate) fn snapshot(&self) -> Result<PathBuf, Expected> {
        Ok(self.store.keep_sweep_file(&self.text)?)
    }
}

/// The results folder of a variant. What `--set` changed has a folder of its own, so that a trial of
/// something else never replaces the results of the sweep as it is written.
fn results_name(variant: &str, overrides: &[String]) -> String {
    if overrides.is_empty() {
        return variant.to_owned();
    }
    let digest = blake3::hash(overrides.join("\n").as_bytes()).to_hex();
    format!("{variant}-set-{}", &digest[..6])
}
