//! From finished trials to tables, figures and the report.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use runstore::{
    Collected, Manifest, Provenance, ResultsWriter, TrialId, TrialState,
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

/// Results that no working folder holds and that do not stand any more.
#[derive(Debug, Serialize)]
pub(crate) struct SetAside {
    /// The copy of the results folder as it was.
    pub(crate) folder: PathBuf,
    /// How many trials it holds that the sweep does not ask for any more.
    pub(crate) trials: usize,
    /// Of how many it holds another run than the one that stands now.
    pub(crate) other_runs: usize,
}

impl SetAside {
    /// What it holds, in words.
    fn words(&self) -> String {
        let counted = |count: usize, one: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            more => Some(format!("{more} {one}s")),
        };
        let trials = counted(self.trials, "trial");
        let trials =
            trials.map(|words| format!("{words} that the sweep file does not ask for now"));
        let runs = counted(self.other_runs, "run");
        let runs =
            runs.map(|words| format!("{words} in whose place the working folder has another"));
        [trials, runs]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" and ")
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
        if let Some(aside) = &self.set_aside {
            ui::say(&format!(
                "{} held {}; what was there is kept in {} with its report{}",
                folder.display(),
                aside.words(),
                aside.folder.display(),
                match aside.trials {
                    0 => "",
                    _ => ", and comes back with its question",
                }
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
    let results_of = (&collected, &manifest);
    let claims = asked::of_sweep(&session.experiments, &session.results, results_of);
    let drawn = report::draw(&collected, &manifest, short_names, &claims);
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
/// since, are set aside with their report: they answer another question, and nobody else has them. So are
/// other runs of trials that the working folder has: it was asked for them, and these were not.
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
    let trials = only_here.difference(&wanted).count();
    let other_runs = other_runs(&before, collected);
    let set_aside = if trials + other_runs > 0 {
        Some(SetAside {
            folder: results.set_aside()?,
            trials,
            other_runs,
        })
    } else {
        None
    };
    before.retain(|id| only_here.contains(id) && wanted.contains(id));
    collected.extend(before);
    Ok(set_aside)
}

/// Of how many trials the results folder has a finished run, and the working folder another one. The same run is known
/// by when and where it was started and how long it took: columns may have been added to its rows since.
fn other_runs(before: &Collected, collected: &Collected) -> usize {
    let run = |row: &TrialRow| {
        let took = row.wall_s.map(f64::to_bits);
        (row.started_at.clone(), row.host.clone(), took)
    };
    let here: BTreeMap<&str, _> = collected
        .trials
        .iter()
        .map(|row| (&*row.trial_id, run(row)))
        .collect();
    let finished = before
        .trials
        .iter()
        .filter(|row| row.status != TrialStatus::Failed);
    finished
        .filter(|row| here.get(&*row.trial_id).is_some_and(|own| *own != run(row)))
        .count()
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
