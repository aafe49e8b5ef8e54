//! `xp show`: one trial's resolved settings and measures.

use std::path::Path;

use runstore::{
    TrialId, TrialState,
    tables::{TrialRow, TrialStatus},
};
use serde_json::{Map, Value, json};

use crate::{
    cli::{Select, ShowArgs, Where},
    config::Trial,
    exit::{Exit, Expected},
    recorded::{Home, find},
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
    let (id, home) = find(&args.id, &args.places.work, &args.places.results)?;
    let (state, row) = match &home {
        Home::Store(store) => (store.state(&id)?.name(), store.collect(&[id])?.trials.pop()),
        Home::Results(folder) => {
            let row = in_results(folder, &id)?;
            let status = row.as_ref().map_or(TrialStatus::Done, |row| row.status);
            let state = match status {
                TrialStatus::Failed => status.name(),
                status => TrialState::InResults { status }.name(),
            };
            (state, row)
        }
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
