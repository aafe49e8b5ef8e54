//! From finished trials to tables, figures and the report.

use std::{collections::BTreeSet, path::PathBuf};

use runstore::{
    Collected, Manifest, Provenance, ResultsWriter, TrialId, TrialState,
    tables::{TrialRow, TrialStatus},
};
use serde::Serialize;

use crate::{exit::Expected, index, jobs::short_names, row, session::Session, ui};

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

/// Results that the sweep does not ask for any more, and no working folder holds.
#[derive(Debug, Serialize)]
pub(crate) struct SetAside {
    /// The copy of the results folder as it was.
    pub(crate) folder: PathBuf,
    /// How many such trials it holds.
    pub(crate) trials: usize,
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
        if let Some(aside) = &self.set_aside {
            ui::say(&format!(
                "{} held {} that the sweep file does not ask for now; what was there is kept in {} with its \
                 report, and comes back with its question",
                folder.display(),
                match aside.trials {
                    1 => "1 trial".to_owned(),
                    trials => format!("{trials} trials"),
                },
                aside.folder.display()
            ));
        }
    }
}

/// Collects the records of a sweep's trials and writes everything that is made from them, as one.
pub(crate) fn publish(session: &Session, provenance: &Provenance) -> Result<Published, Expected> {
    let mut results = ResultsWriter::create(&session.results)?;
    // Collected while nobody else writes: what another runner has finished by now is seen here, and
    // of what it finishes later it writes the tables itself.
    let ids: Vec<TrialId> = session.trials.iter().map(|trial| trial.id).collect();
    let mut collected = session.store.collect(&ids)?;
    let set_aside = keep(session, &results, &mut collected)?;
    take_up(session, &mut collected)?;
    let cells = report::name_cells(&mut collected, short_names);
    let manifest = manifest(session, provenance, &collected);
    let manifest = results.put_tables(&collected, &cells, &manifest)?;
    // A page that cannot be drawn does not undo the tables.
    let drawn = report::draw(&collected, &manifest, short_names);
    if let Ok(report) = &drawn {
        report.put(&mut results)?;
    }
    results.commit()?;
    drawn.map_err(Expected::undrawn)?;
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
    let mut manifest = Manifest {
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
    };
    manifest.describe(collected);
    manifest
}

/// Sees to what the results folder has and the working folder has not, which is all there is in a
/// clone. Trials of this sweep stay in the tables. Others, those of a sweep file that has changed
/// since, are set aside with their report: they answer another question, and nobody else has them.
fn keep(
    session: &Session,
    results: &ResultsWriter,
    collected: &mut Collected,
) -> Result<Option<SetAside>, Expected> {
    let Some(mut before) = results.read()? else {
        return Ok(None);
    };
    // The working folder's records are the newer ones.
    let mut known: BTreeSet<String> = collected
        .trials
        .iter()
        .map(|row| row.trial_id.clone())
        .collect();
    known.extend(session.store.published()?.iter().map(TrialId::full));
    let only_here: BTreeSet<String> = before
        .trials
        .iter()
        .filter(|row| row.status != TrialStatus::Failed && !known.contains(&row.trial_id))
        .map(|row| row.trial_id.clone())
        .collect();
    let wanted: BTreeSet<String> = session.trials.iter().map(|trial| trial.id.full()).collect();
    let others = only_here.difference(&wanted).count();
    let set_aside = if others > 0 {
        let folder = results.set_aside()?;
        Some(SetAside {
            folder,
            trials: others,
        })
    } else {
        None
    };
    before.retain(|id| only_here.contains(id) && wanted.contains(id));
    collected.extend(before);
    Ok(set_aside)
}

/// Takes those trials of the sweep up again that were set aside when it asked something else.
fn take_up(session: &Session, collected: &mut Collected) -> Result<(), Expected> {
    for folder in runstore::aside(&session.results)? {
        let known: BTreeSet<&str> = collected.trials.iter().map(|row| &*row.trial_id).collect();
        let ids = session.trials.iter().map(|trial| trial.id.full());
        let lacking: BTreeSet<String> = ids.filter(|id| !known.contains(&**id)).collect();
        let rows = runstore::read_trials(&folder).unwrap_or_default();
        let has =
            |row: &TrialRow| row.status != TrialStatus::Failed && lacking.contains(&row.trial_id);
        let found: BTreeSet<String> = rows
            .iter()
            .filter(|row| has(row))
            .map(|row| row.trial_id.clone())
            .collect();
        if !found.is_empty() {
            let mut before = runstore::read_results(&folder)?;
            before.retain(|id| found.contains(id));
            collected.extend(before);
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
