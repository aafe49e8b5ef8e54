//! The shipped sweeps leave out no member of the registries.

use std::{collections::BTreeSet, fs, path::Path};

use registry::Member;
use routers::{ScorerConfig, StrategyConfig};

fn sweep(name: &str) -> toml::Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../experiments/{name}.toml"));
    let text = fs::read_to_string(&path).expect("a shipped sweep");
    toml::from_str(&text).expect("TOML")
}

/// The names of a family that any grid of a sweep has.
fn named(sweep: &toml::Table, axis: &str) -> BTreeSet<String> {
    let grids = sweep["axes"].as_array().expect("a list of grids");
    grids
        .iter()
        .filter_map(|grid| grid.get(axis))
        .flat_map(|values| values.as_array().expect("a list of values"))
        .map(|value| match value {
            toml::Value::String(name) => name.clone(),
            toml::Value::Table(table) => table.keys().next().expect("a name").clone(),
            other => panic!("neither a name nor a table: {other}"),
        })
        .collect()
}

/// The names that a family has.
fn names(members: &[Member]) -> BTreeSet<String> {
    let own = members.iter().map(|member| member.name.to_owned());
    own.collect()
}

#[test]
fn the_zoo_has_every_strategy() {
    let mut all = names(StrategyConfig::MEMBERS);
    // Those are on an axis of unified.toml.
    all.retain(|name| !name.ends_with("-as-published"));
    assert_eq!(named(&sweep("zoo"), "strategy"), all);
}

#[test]
fn the_sweeps_of_routers_have_every_scorer_and_no_other() {
    let all = names(ScorerConfig::MEMBERS);
    assert_eq!(named(&sweep("routers-random"), "scorer"), all);
    // An encoder is not at every hand, so that a new scorer need not begin there.
    let read = named(&sweep("routers-bert"), "scorer");
    assert!(read.is_subset(&all), "{read:?}");
}
