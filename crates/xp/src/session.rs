//! One sweep at one scale on one device, opened: what every command on a sweep starts from.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use corpora::{CorpusError, DataDir, Digest, FetchPolicy, TokenizerConfig};
use runstore::{Store, TrialId, TrialRef};

use crate::{
    cli::{Select, Where},
    config::{Sweep, SweepFile, SweepOptions, Trial},
    device::DeviceChoice,
    exit::Expected,
    jobs::{BertSource, DataSettings, JobSettings, SourceConfig},
    ui,
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
        let data = place.places.data.dir();
        let mut digests = Digests {
            data: &data,
            access,
            known: Vec::new(),
            encoders: Vec::new(),
        };
        let trials = sweep.trials(points, &mut |settings| digests.of(settings))?;
        let variant = format!("{}-{}", sweep.scale, device.label());
        let work = &place.places.work;
        let store = match access {
            Access::Look => Store::view(work, &sweep.name, &variant)?,
            Access::Run(_) => Store::open(work, &sweep.name, &variant)?,
        };
        let results = place
            .places
            .results
            .join(&sweep.name)
            .join(results_name(&variant, &sweep.overrides));
        Ok(Self {
            text,
            sweep,
            trials: trials.list,
            duplicates: trials.duplicates,
            device,
            store,
            results,
            data,
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
        let digest = blake3::hash(&self.text).to_hex();
        let folder = self.store.root().join("sweeps");
        let path = folder.join(format!("{}.toml", &digest[..12]));
        write_once(&folder, &path, &self.text)
            .map_err(|error| Expected::io(format!("write {}", path.display()), error))?;
        Ok(path)
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

/// Writes a file whose name says its content; a second writer writes the same.
fn write_once(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, bytes)?;
    file.persist(path)?;
    Ok(())
}

/// Digests of the data that settings read; each text and model is read once.
struct Digests<'a> {
    data: &'a DataDir,
    access: Access,
    known: Vec<(DataSettings, BTreeMap<String, String>)>,
    encoders: Vec<(BertSource, BTreeMap<String, String>)>,
}

impl Digests<'_> {
    fn of(&mut self, settings: &JobSettings) -> Result<BTreeMap<String, String>, CorpusError> {
        match settings {
            JobSettings::Train(settings) => self.dataset(&settings.data),
            JobSettings::Router(settings) => match &settings.hidden.source {
                SourceConfig::Bert(source) => self.encoder(source),
                SourceConfig::Random(_) => Ok(BTreeMap::new()),
            },
            // A speed trial reads what its cells read.
            JobSettings::Pack(_) | JobSettings::Layer(_) | JobSettings::Speed(_) => {
                Ok(BTreeMap::new())
            }
        }
    }

    fn dataset(&mut self, wanted: &DataSettings) -> Result<BTreeMap<String, String>, CorpusError> {
        if let Some((_, digests)) = self.known.iter().find(|(data, _)| data == wanted) {
            return Ok(digests.clone());
        }
        if let Access::Run(FetchPolicy::IfMissing) = self.access {
            let bar = ui::fetch_bar();
            let (corpus, tokenizer) = (&wanted.corpus, &wanted.tokenizer);
            corpora::ensure(corpus, tokenizer, self.data, FetchPolicy::IfMissing, &bar)?;
            bar.finish_and_clear();
        }
        let digests = corpora::digests(&wanted.corpus, &wanted.tokenizer, self.data)?;
        let digests = by_file(digests);
        self.known.push((wanted.clone(), digests.clone()));
        Ok(digests)
    }

    fn encoder(&mut self, wanted: &BertSource) -> Result<BTreeMap<String, String>, CorpusError> {
        let same =
            |known: &BertSource| (&known.model, &known.corpus) == (&wanted.model, &wanted.corpus);
        if let Some((_, digests)) = self.encoders.iter().find(|(known, _)| same(known)) {
            return Ok(digests.clone());
        }
        if let Access::Run(FetchPolicy::IfMissing) = self.access {
            let (bar, policy) = (ui::fetch_bar(), FetchPolicy::IfMissing);
            // Characters need no file: the encoder brings a tokenizer of its own.
            let none = TokenizerConfig::default();
            corpora::ensure(&wanted.corpus, &none, self.data, policy, &bar)?;
            corpora::ensure_model(&wanted.model, self.data, policy, &bar)?;
            bar.finish_and_clear();
        }
        let mut digests = corpora::model_digests(&wanted.model, self.data)?;
        digests.extend(corpora::text_digests(&wanted.corpus, self.data)?);
        let digests = by_file(digests);
        self.encoders.push((wanted.clone(), digests.clone()));
        Ok(digests)
    }
}

fn by_file(digests: Vec<Digest>) -> BTreeMap<String, String> {
    let pairs = digests.into_iter();
    pairs.map(|digest| (digest.file, digest.blake3)).collect()
}
