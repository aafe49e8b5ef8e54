//! From settings to the columns of a trial's row.
//!
//! The rule: a setting that a job names in [`JobFacts::columns`](super::job::JobFacts::columns) is in the column of
//! its own name, the last key of its path in snake_case, or in one that the job names. A member of a family is there
//! by its name, a list of them or of numbers by those with `+` between them.

use std::num::NonZeroUsize;

use moe_layer::MoeConfig;
use runstore::tables::{ColumnKind, Row, TrialRow, Value};
use serde_json::Value as Json;

use super::settings::dense;

/// Stands in a path for the one member of a family that a trial has.
const MEMBER: &str = "*";

/// A setting that has a column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// The setting's path, in which `*` is the member of a family, whichever it is.
    pub(super) path: &'static str,
    name: Option<&'static str>,
}

impl Column {
    /// The column of the setting's own name.
    pub(super) const fn of(path: &'static str) -> Self {
        Self { path, name: None }
    }

    /// A column of another name.
    pub(super) const fn named(name: &'static str, path: &'static str) -> Self {
        Self {
            path,
            name: Some(name),
        }
    }

    /// The column's name.
    pub(super) fn name(&self) -> String {
        let last = || self.path.rsplit('.').next().unwrap_or_default();
        self.name
            .map_or_else(|| last().replace('-', "_"), str::to_owned)
    }
}

/// The columns of a layer and its router, in whichever job they are.
pub(super) const ROUTING: [Column; 10] = [
    Column::of("router.scorer"),
    Column::named("initial_logit_std", "router.logit-std"),
    Column::of("router.strategy"),
    Column::named("balancer", "router.balancers"),
    Column::of("moe.experts"),
    Column::named("top_k", "moe.k"),
    Column::of("moe.capacity-factor"),
    Column::named("drop_policy", "moe.drop"),
    Column::of("moe.renormalise"),
    Column::of("moe.dispatch"),
];

/// Fills the columns of the settings that the trial has.
pub(super) fn fill(
    row: &mut TrialRow,
    columns: &[&[Column]],
    settings: &Json,
    has: impl Fn(&str) -> bool,
) {
    let columns = columns.iter().copied().flatten();
    for column in columns.filter(|column| has(column.path)) {
        let name = column.name();
        let Some(schema) = TrialRow::SCHEMA.column(&name) else {
            debug_assert!(false, "`{}` has no column `{name}`", column.path);
            continue;
        };
        if let Some(value) = find(settings, column.path) {
            row.set(&name, cell(value, schema.kind));
        }
    }
}

/// Fills F, the width of the experts' hidden layer; of a dense reference, which stands for several of them, that of
/// all together.
pub(super) fn fill_width(row: &mut TrialRow, moe: &MoeConfig, width: usize) {
    let wide = moe.dense_experts().map_or(1, NonZeroUsize::get);
    row.ffn_dim = Some((moe.hidden(width) * wide) as u64);
}

/// Fills in what a dense reference is called in the place of a strategy.
pub(super) fn fill_dense(row: &mut TrialRow, moe: &MoeConfig) {
    row.strategy = dense::name(moe).or(row.strategy.take());
}

/// The setting at a path.
fn find<'a>(settings: &'a Json, path: &str) -> Option<&'a Json> {
    path.split('.').try_fold(settings, |value, key| match key {
        MEMBER => value.as_object()?.values().next(),
        key => value.get(key),
    })
}

/// A setting as a cell of a column of that kind; null where it is none of that kind, such as the `none` in the place
/// of a number.
fn cell(value: &Json, kind: ColumnKind) -> Value {
    let cell = match kind {
        ColumnKind::Text => text(value).map(Value::Text),
        ColumnKind::U64 => value.as_u64().map(Value::U64),
        ColumnKind::F64 => value.as_f64().map(Value::F64),
        ColumnKind::Bool => value.as_bool().map(Value::Bool),
    };
    cell.unwrap_or(Value::Null)
}

/// The name that a setting is written by.
fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(name) => Some(name.clone()),
        Json::Object(member) => member.keys().next().cloned(),
        Json::Array(members) if members.is_empty() => Some("none".to_owned()),
        Json::Array(members) => {
            let names: Option<Vec<_>> = members.iter().map(text).collect();
            names.map(|names| names.join("+"))
        }
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Bool(_) => None,
    }
}
