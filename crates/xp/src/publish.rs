//! From finished trials to tables, figures and the report.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use runstore::{
    Collected, Manifest, Provenance, ResultsWriter, Runs, TrialId, TrialState,
    tables::{TrialRow, TrialStatus},
};
use serde::Serialize;

use crate::{asked, exit::Expected, index, jobs::short_names, row, session::Session, ui};

/// What stands where.
#[derive(Debug, Serialize)]
pub(crate) struct Published {
    /// The results folder.
    pub(crate) folder: PathBuf,
    /// The report.
    pub(crate) report: PathBuf,
    /// The index of all reports, where it was written again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) index: Option<PathBuf>,
    /// Where results of another question were moved that stood in the folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) set_aside: Option<SetAside>,
    #[serde(skip)]
    pub(crate) collected: Collected,
    /// What the manifest says of how cells are compared.
    #[serde(skip)]
    pub(crate) manifest: Manifest,
}

/// Results that do not stand any more and that nobody else has.
#[derive(Debug, Default, Serialize)]
pub(crate) struct SetAside {
    /// The copy of the results folder as it was, with trials that the sweep does not ask for any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<PathBuf>,
    /// How many those are.
    pub(crate) trials: usize,
    /// Of how many trials there are several runs.
    pub(crate) of_several_runs: usize,
    /// Where the runs are that do not stand.
    pub(crate) other_runs: Vec<PathBuf>,
}

impl SetAside {
    /// What became of what, in sentences.
    fn words(&self, results: &Path) -> Vec<String> {
        let counted = |count: usize| match count {
            1 => "1 trial".to_owned(),
            more => format!("{more} trials"),
        };
        let unasked = self.folder.as_ref().map(|folder| {
            format!(
                "{} held {} that the sweep file does not ask for now; what was there is kept in {} with its report, and \
                 comes back with its question",
                results.display(),
                counted(self.trials),
                folder.display()
            )
        });
        let several = (self.of_several_runs > 0).then(|| {
            let folders: Vec<String> = self
                .other_runs
                .iter()
                .map(|own| own.display().to_string())
                .collect();
            format!(
                "{} ran more than once: the later whole run stands, the others are in {}",
                counted(self.of_several_runs),
                folders.join(", ")
            )
        });
        unasked.into_iter().chain(several).collect()
    }
}

impl Published {
    /// What stands in the results folder already.
    pub(crate) fn before(session: &Session) -> Result<Self, Expected> {
        let folder = session.results.clone();
        Ok(Self {
            collected: runstore::read_results(&folder)?,
            manifest: runstore::read_manifest(&folder)?,
            report: folder.join(report::PAGE),
            // A page beside the results: where it cannot be written, they are no less there.
            index: index::write(&index::root_of(&folder)).ok().flatten(),
            set_aside: None,
            folder,
        })
    }

    /// Whether all that is recorded of the sweep's trials stands in its results folder.
    pub(crate) fn is_whole(session: &Session, states: &[TrialState]) -> Result<bool, Expected> {
        let rows = runstore::read_trials(&session.results)?;
        let there: BTreeSet<&str> = rows.iter().map(|row| &*row.trial_id).collect();
        let mut recorded = session
            .trials
            .iter()
            .zip(states)
            .filter(|(_, state)| state.is_recorded());
        Ok(recorded.all(|(trial, _)| there.contains(&*trial.id.full())))
    }

    /// Says where everything is.
    pub(crate) fn tell(&self) {
        let folder = &self.folder;
        let mut text = format!("tables:  {}\n", folder.join("*.parquet").display());
        text.push_str(&format!("figures: {}\n", folder.join("figures").display()));
        text.push_str(&format!("report:  {}\n", self.report.display()));
        ui::data(&text);
        let aside = self.set_aside.iter().flat_map(|aside| aside.words(folder));
        aside.for_each(|words| ui::say(&words));
    }
}

/// Collects the records of a sweep's trials and writes everything that is made from them, as one.
pub(crate) fn publish(session: &Session, provenance: &Provenance) -> Result<Published, Expected> {
    let mut results = ResultsWriter::create(&session.results)?;
    // Collected while nobody else writes: what another runner has finished by now is seen here, and
    // of what it finishes later it writes the tables itself.
    let ids: Vec<TrialId> = session.trials.iter().map(|trial| trial.id).collect();
    let mut runs = Runs::default();
    runs.add(session.store.collect(&ids)?);
    let wanted: BTreeSet<String> = session.trials.iter().map(|trial| trial.id.full()).collect();
    let mut set_aside = keep(session, &results, &wanted, &mut runs)?;
    take_up(session, &mut runs)?;
    let staying = add_further(&session.results, &mut runs, |id| wanted.contains(id))?;
    let (mut collected, others) = runs.standing();
    let manifest = manifest(session, provenance, &collected);
    if let Some(second) = others.first() {
        let aside = set_aside.get_or_insert_default();
        aside.of_several_runs = second.trials.len();
        aside.other_runs = put_others(&session.results, others, staying, &manifest)?;
    }
    let (manifest, drawn) = put(
        &mut results,
        &mut collected,
        manifest,
        (&session.experiments, &session.results),
    )?;
    results.commit()?;
    drawn?;
    let index = index::write(&index::root_of(&session.results))?;
    Ok(Published {
        folder: session.results.clone(),
        report: session.results.join(report::PAGE),
        index,
        set_aside,
        collected,
        manifest,
    })
}

fn manifest(session: &Session, provenance: &Provenance, collected: &Collected) -> Manifest {
    let sweep = &session.sweep;
    let mut threads = collected.trials.iter().filter_map(|row| row.threads);
    let data = session.trials.iter().filter_map(|trial| trial.data.clone());
    let baseline = sweep.baseline(&session.trials);
    let baseline: Vec<String> = baseline.iter().map(|trial| trial.id.full()).collect();
    Manifest {
        sweep: sweep.name.clone(),
        question: Some(sweep.question.clone()),
        tags: sweep.tags.clone(),
        notes: sweep.notes.clone(),
        scale: sweep.scale.clone(),
        device: session.device.to_string(),
        backend: session.device.backend().to_owned(),
        provenance: provenance.clone(),
        threads: threads.next_back(),
        command: runstore::tidy_command(std::env::args()),
        overrides: sweep.overrides.clone(),
        included: session.included(),
        data: data.flatten().collect(),
        sources: session.sources.known(),
        planned: Some(session.trials.len() as u64),
        baseline: report::describe(collected, &baseline, short_names),
        measure: sweep.measure().map(str::to_owned),
        ..Manifest::default()
    }
}

/// Puts tables, figures and page. A page that cannot be drawn does not undo the tables, so whether it was is told apart.
pub(crate) fn put(
    results: &mut ResultsWriter,
    collected: &mut Collected,
    mut manifest: Manifest,
    (experiments, folder): (&Path, &Path),
) -> Result<(Manifest, Result<(), Expected>), Expected> {
    let cells = report::name_cells(collected, short_names);
    manifest.describe(collected);
    let manifest = results.put_tables(collected, &cells, &manifest)?;
    let claims = asked::of_sweep(experiments, folder, (collected, &manifest));
    let drawn = report::draw(collected, &manifest, short_names, &claims);
    if let Ok(report) = &drawn {
        report.put(results)?;
    }
    Ok((manifest, drawn.map(|_| ()).map_err(Expected::undrawn)))
}

/// Adds the runs of wanted trials that stand beside a results folder, and returns those of others, folder by folder, which
/// stay where they are.
pub(crate) fn add_further(
    folder: &Path,
    runs: &mut Runs,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Collected>, Expected> {
    let mut staying = Vec::new();
    for further in runstore::further_runs(folder) {
        let mut own = runstore::read_results(&further)?;
        let mut others = own.clone();
        own.retain(&wanted);
        others.retain(|id| !wanted(id));
        runs.add(own);
        staying.push(others);
    }
    Ok(staying)
}

/// Puts the tables of runs that do not stand beside a results folder, and returns where. They come before the folder itself
/// is changed: then no run is ever in neither.
pub(crate) fn put_others(
    folder: &Path,
    mut others: Vec<Collected>,
    staying: Vec<Collected>,
    manifest: &Manifest,
) -> Result<Vec<PathBuf>, Expected> {
    let mut folders = Vec::new();
    for (layer, staying) in others.iter_mut().zip(staying) {
        layer.extend(staying);
    }
    for (place, mut layer) in others.into_iter().enumerate() {
        let own = runstore::runs_folder(folder, place + 2);
        let mut results = ResultsWriter::create(&own)?;
        let (_, drawn) = put(
            &mut results,
            &mut layer,
            manifest.clone(),
            (Path::new(""), &own),
        )?;
        results.commit()?;
        drawn?;
        folders.push(own);
    }
    Ok(folders)
}

/// Adds what the results folder has, which in a clone is all there is: of the trials of this sweep, since nobody else may
/// have these runs. Others, those of a sweep file that has changed since, are set aside with their report where the working
/// folder has none of them: they answer another question.
fn keep(
    session: &Session,
    results: &ResultsWriter,
    wanted: &BTreeSet<String>,
    runs: &mut Runs,
) -> Result<Option<SetAside>, Expected> {
    let Some(mut before) = results.read()? else {
        return Ok(None);
    };
    let is_unasked =
        |row: &&TrialRow| row.status != TrialStatus::Failed && !wanted.contains(&row.trial_id);
    let unasked: Vec<&TrialRow> = before.trials.iter().filter(is_unasked).collect();
    let ids: Vec<TrialId> = unasked
        .iter()
        .filter_map(|row| row.trial_id.parse().ok())
        .collect();
    let mut here = Runs::default();
    here.add(session.store.collect(&ids)?);
    let trials = unasked.iter().filter(|row| !here.has_run(row)).count();
    before.retain(|id| wanted.contains(id));
    // That a trial failed is what the working folder says now.
    before
        .trials
        .retain(|row| row.status != TrialStatus::Failed);
    runs.add(before);
    if trials == 0 {
        return Ok(None);
    }
    Ok(Some(SetAside {
        folder: Some(results.set_aside()?),
        trials,
        ..SetAside::default()
    }))
}

/// Adds those trials of the sweep that no run is known of and that were set aside when it asked something else.
fn take_up(session: &Session, runs: &mut Runs) -> Result<(), Expected> {
    for folder in runstore::aside(&session.results)? {
        let ids = session.trials.iter().map(|trial| trial.id.full());
        let lacking: BTreeSet<String> = ids.filter(|id| !runs.has(id)).collect();
        let rows = runstore::read_trials(&folder).unwrap_or_default();
        if rows.iter().any(|row| lacking.contains(&row.trial_id)) {
            let mut before = runstore::read_results(&folder)?;
            before.retain(|id| lacking.contains(id));
            runs.add(before);
        }
    }
    Ok(())
}

/// Threads that one trial gets when this many run at once.
pub(crate) fn share_of_threads(asked: Option<u16>, jobs: u16) -> usize {
    match asked {
        Some(threads) => usize::from(threads),
        None => (row::threads() as usize / usize::from(jobs.max(1))).max(1),
    }
}
