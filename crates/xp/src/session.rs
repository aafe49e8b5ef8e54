//! One sweep at one scale on one device, opened: what every command on a sweep starts from.

use std::{collections::BTreeMap, path::PathBuf};

use corpora::DataDir;
use runstore::{Store, TrialId, TrialRef, TrialState};

use crate::{
    cli::{Runs, Select, Where},
    config::{Sweep, SweepFile, SweepOptions, SweepText, Trial},
    device::DeviceChoice,
    exit::Expected,
    jobs::Save,
    recorded,
    sources::{Memory, Sources},
    states::states,
};

/// An opened sweep.
#[derive(Debug)]
pub(crate) struct Session {
    /// The file as it was read, and those that it includes.
    pub(crate) texts: Vec<SweepText>,
    /// The folder of sweep files, and of what is claimed of them.
    pub(crate) experiments: PathBuf,
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

impl Session {
    /// Reads the sweep file, resolves its trials and looks for what is known of them. It makes and
    /// removes nothing, and needs no data.
    pub(crate) fn open(select: &Select, place: &Where) -> Result<Self, Expected> {
        let file = SweepFile::open(&select.sweep, &select.experiments)?;
        Self::of(file, select, place)
    }

    fn of(file: SweepFile, select: &Select, place: &Where) -> Result<Self, Expected> {
        let texts = file.texts().to_vec();
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
        let variant = variant(&sweep, device);
        let store = Store::view(&place.places.work, &sweep.name, &variant)?;
        let results = place
            .places
            .results
            .join(&sweep.name)
            .join(results_name(&variant, &sweep.overrides));
        let memory = Memory::of(&store, &results);
        let data = memory.data_dir(&place.places.data);
        let mut sources = Sources::new(data.clone(), place.places.data.data_dir.is_some(), memory);
        let trials = sweep.trials(points, &mut |settings| sources.of(settings))?;
        Ok(Self {
            texts,
            experiments: select.experiments.clone(),
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

    /// The same to run trials of it: fetches the data of those that are not recorded, where that is asked
    /// for. Records that only the results folder has count for none where those run again.
    pub(crate) fn open_to_run(
        select: &Select,
        place: &Where,
        runs: &Runs,
    ) -> Result<Self, Expected> {
        let file = SweepFile::open(&select.sweep, &select.experiments)?;
        let session = Self::of(file.clone(), select, place)?;
        if !runs.fetch {
            return Ok(session);
        }
        let states = session.states()?;
        let again = |index, state| runs.rerun && session.runs_again(index, state);
        let due = session.trials.iter().zip(&states).enumerate();
        let due = due.filter(|(index, (_, state))| !state.is_recorded() || again(*index, state));
        let due = due.map(|(_, due)| due);
        // What was fetched is known by its own digests, and the trials by theirs.
        if session
            .sources
            .fetch(due.map(|(trial, _)| &trial.settings))?
        {
            Self::of(file, select, place)
        } else {
            Ok(session)
        }
    }

    /// Makes ready to run these trials: device and data must be there.
    pub(crate) fn prepare(&mut self, place: &Where, trials: &[usize]) -> Result<(), Expected> {
        self.device.check_compiled()?;
        for &index in trials {
            self.sources.demand(&self.trials[index].settings)?;
        }
        let variant = variant(&self.sweep, self.device);
        self.store = Store::open(&place.places.work, &self.sweep.name, &variant)?;
        self.sources.remember(&self.store, &place.places.data)
    }

    /// The state of every trial, in order.
    pub(crate) fn states(&self) -> Result<Vec<TrialState>, Expected> {
        Ok(states(&self.trials, &self.store, &self.results)?)
    }

    /// Whether a trial is done here, and without the weights that the sweep is to keep.
    pub(crate) fn lacks_weights(&self, index: usize, state: &TrialState) -> bool {
        let trial = &self.trials[index];
        self.sweep.save != Save::None
            && *state == TrialState::Done
            && trial.keeps_weights()
            && self.store.model_dir(&trial.id).is_none()
    }

    /// Whether a trial that has its record runs again where that is asked for: what only the results folder knows,
    /// what lacks weights, and what was stopped early.
    pub(crate) fn runs_again(&self, index: usize, state: &TrialState) -> bool {
        state.is_in_results() || state.is_stopped() || self.lacks_weights(index, state)
    }

    /// The place of the one trial that an id, its first digits or `latest` names.
    pub(crate) fn pick(&self, text: &str) -> Result<usize, Expected> {
        let wanted = text.parse::<TrialRef>()?;
        let ids: Vec<TrialId> = self.trials.iter().filter_map(Trial::known_id).collect();
        if ids.is_empty() {
            // Then they have no ids, and this says why.
            for trial in &self.trials {
                self.sources.demand(&trial.settings)?;
            }
        }
        let latest = recorded::latest(std::slice::from_ref(&self.store))?;
        let id = wanted.pick(&ids, latest)?;
        Ok(self
            .trials
            .iter()
            .position(|trial| trial.known_id() == Some(id))
            .expect("it was picked of the known"))
    }

    /// Name and BLAKE3 digest of each file that the sweep file includes.
    pub(crate) fn included(&self) -> BTreeMap<String, String> {
        let included = self.texts.iter().skip(1);
        let digest = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
        included
            .map(|file| (file.name.clone(), digest(file.text)))
            .collect()
    }

    /// A copy of the sweep file in the working folder, with those that it includes, so that the trials of a running sweep are
    /// not changed by editing the file.
    pub(crate) fn snapshot(&self) -> Result<PathBuf, Expected> {
        let texts = self.texts.iter();
        let files: Vec<_> = texts.map(|file| (&*file.name, file.text)).collect();
        Ok(self.store.keep_sweep(&files)?)
    }
}

/// What tells the folders of a sweep apart: `<scale>-<device>`.
fn variant(sweep: &Sweep, device: DeviceChoice) -> String {
    format!("{}-{}", sweep.scale, device.label())
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
