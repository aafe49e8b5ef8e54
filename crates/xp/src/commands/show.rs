//! `xp show`: one trial's resolved settings and measures.

use std::path::Path;

use runstore::{Store, TrialId, TrialRef, TrialState, tables::TrialRow};
use serde_json::{Map, Value, json};

use crate::{
    cli::{Select, ShowArgs, Where},
    config::Trial,
    exit::{Exit, Expected},
    recorded::{latest, published, stores},
    session::Session,
    ui,
};

pub(super) fn run(args: &ShowArgs) -> Result<Exit, Expected> {
    let shown = match &args.sweep {
        Some(sweep) => planned(args, sweep)?,
        None => recorded(args)?,
    };
    if args.json {
        ui::json(&shown);
    } else {
        ui::data(&as_toml(&shown)?);
    }
    Ok(Exit::Done)
}

/// A trial of a named sweep, whether it has run or not.
fn planned(args: &ShowArgs, sweep: &str) -> Result<Value, Expected> {
    let select = Select {
        sweep: sweep.to_owned(),
        scale: args.scale.clone(),
        set: Vec::new(),
        experiments: args.experiments.clone(),
    };
    let place = Where {
        device: None,
        places: args.places.clone(),
    };
    let session = Session::open(&select, &place)?;
    let index = session.pick(&args.id)?;
    let trial = &session.trials[index];
    let state = &session.states()?[index];
    let row = match state {
        TrialState::InResults { .. } => in_results(&session.results, &trial.id)?,
        _ => session.store.collect(&[trial.id])?.trials.pop(),
    };
    let question = Trial::question(&trial.settings, trial.seed);
    Ok(shown(&trial.id, state.name(), question, row.as_ref()))
}

/// The row of a trial in a results folder, or in what was set aside of it.
fn in_results(folder: &Path, id: &TrialId) -> Result<Option<TrialRow>, Expected> {
    let name = id.full();
    let own = |rows: Vec<TrialRow>| rows.into_iter().find(|row| row.trial_id == name);
    if let Some(row) = own(runstore::read_trials(folder)?) {
        return Ok(Some(row));
    }
    let mut aside = runstore::aside(folder)?.into_iter();
    Ok(aside.find_map(|folder| own(runstore::read_trials(&folder).unwrap_or_default())))
}

/// A trial that has run, of whatever sweep: here, or where the results came from.
fn recorded(args: &ShowArgs) -> Result<Value, Expected> {
    let stores = stores(&args.places.work)?;
    let mut known: Vec<(TrialId, &Store)> = Vec::new();
    for store in &stores {
        known.extend(store.published()?.into_iter().map(|id| (id, store)));
    }
    let published = published(&args.places.results)?;
    let mut ids: Vec<_> = known.iter().map(|(id, _)| *id).collect();
    ids.extend(published.iter().map(|(id, _)| *id));
    ids.sort_unstable();
    ids.dedup();
    let id = args.id.parse::<TrialRef>()?.pick(&ids, latest(&stores)?)?;
    let (state, row) = if let Some((_, store)) = known.iter().find(|(known, _)| *known == id) {
        (store.state(&id)?.name(), store.collect(&[id])?.trials.pop())
    } else {
        let mut published = published.into_iter();
        let row = published.find(|(published, _)| *published == id);
        let state = TrialState::InResults { diverged: false };
        (state.name(), row.map(|(_, row)| row))
    };
    let settings = row.as_ref().map_or("{}", |row| row.settings.as_str());
    let question = serde_json::from_str(settings).unwrap_or(Value::Null);
    Ok(shown(&id, state, question, row.as_ref()))
}

fn shown(id: &TrialId, state: &str, question: Value, row: Option<&TrialRow>) -> Value {
    let mut shown = json!({ "id": id.full(), "state": state, "question": question });
    if let Some(row) = row {
        let mut row = serde_json::to_value(row).unwrap_or_default();
        if let Value::Object(columns) = &mut row {
            // Shown as a table of its own above.
            columns.remove("settings");
        }
        shown["row"] = row;
    }
    shown
}

/// The settings as a sweep file would have them, the rest as a table beside them.
fn as_toml(shown: &Value) -> Result<String, Expected> {
    let mut document = Map::new();
    document.insert("id".into(), shown["id"].clone());
    document.insert("state".into(), shown["state"].clone());
    if let Value::Object(question) = &shown["question"] {
        for (key, value) in question {
            match (key.as_str(), value) {
                ("settings", Value::Object(settings)) => document.extend(settings.clone()),
                _ => {
                    document.insert(key.clone(), value.clone());
                }
            }
        }
    }
    if !shown["row"].is_null() {
        document.insert("row".into(), shown["row"].clone());
    }
    let mut document = Value::Object(document);
    drop_nulls(&mut document);
    toml::to_string(&document).map_err(|error| {
        Expected::new(
            Exit::Bug,
            format!("cannot write the trial as TOML: {error}"),
            "use --json",
        )
    })
}

/// TOML has no null: what was not measured is left out.
fn drop_nulls(value: &mut Value) {
    if let Value::Object(map) = value {
        map.retain(|_, value| !value.is_null());
        map.values_mut().for_each(drop_nulls);
    }
}
