//! `xp watch`: running trials of a sweep, from its working folder alone.

use std::collections::BTreeSet;

use runstore::TrialState;

use crate::{
    cli::WatchArgs,
    exit::{Exit, Expected},
    live::Told,
    session::Session,
    signals,
    ui::{self, Counts, Running, Scene},
};

pub(super) fn run(args: &WatchArgs) -> Result<Exit, Expected> {
    let session = Session::open(&args.select, &args.place)?;
    // What was recorded when the page was opened stays recorded.
    let recorded: BTreeSet<usize> = session
        .states()?
        .iter()
        .enumerate()
        .filter(|(_, state)| state.is_recorded())
        .map(|(index, _)| index)
        .collect();
    if args.once || !ui::has_screen() {
        ui::data(&ui::page(&scene(&session, &recorded)?));
    } else {
        signals::listen()?;
        ui::watch(|| scene(&session, &recorded))?;
    }
    Ok(Exit::Done)
}

/// The sweep as it is now. Nothing is written, and of trials that do not run no more is read than whether they
/// have a record.
fn scene(session: &Session, recorded: &BTreeSet<usize>) -> Result<Scene, Expected> {
    let published: BTreeSet<_> = session.store.published()?.into_iter().collect();
    let mut counts = Counts {
        total: session.trials.len(),
        ..Counts::default()
    };
    let mut running = Vec::new();
    for (index, trial) in session.trials.iter().enumerate() {
        if recorded.contains(&index) || published.contains(&trial.id) {
            counts.recorded += 1;
        } else if let Some(lines) = session.store.live(&trial.id)?
            && let TrialState::Running { .. } = session.store.state(&trial.id)?
        {
            running.push(Running {
                id: trial.id.short(),
                cell: trial.cell(),
                seed: trial.seed,
                told: Told::of(&lines),
            });
        } else if session.store.failure(&trial.id)?.is_some() {
            counts.failed += 1;
        }
    }
    let sweep = &session.sweep;
    Ok(Scene {
        title: format!(
            "{} (scale {}, device {})",
            sweep.name, sweep.scale, session.device
        ),
        counts,
        running,
    })
}
