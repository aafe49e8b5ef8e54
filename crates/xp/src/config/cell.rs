//! A cell of a sweep, named by settings that it has: the one that others are compared with, and the
//! one that speeds are divided by. It is no part of a trial's question.

use serde_json::Value;
use toml::de::DeValue;

use super::{
    axes,
    problem::Problems,
    show::{self, AxisValue},
    source::{Node, Span, Tree},
    tree::{self, join},
};
use crate::jobs::{JobKind, JobSettings};

/// Settings that a cell has, by short name or path, as they are written.
#[derive(Debug, Clone)]
pub(super) struct NamedCell {
    /// The path of the table.
    pub(super) table: &'static str,
    place: Span,
    settings: Vec<Wanted>,
}

#[derive(Debug, Clone)]
struct Wanted {
    name: String,
    path: String,
    key: Span,
    value: Node,
}

/// The same once read.
pub(super) struct KnownCell<'a> {
    place: &'a Span,
    settings: Vec<Known<'a>>,
}

struct Known<'a> {
    wanted: &'a Wanted,
    /// `None` where it is resolved into other settings.
    json: Option<Value>,
    text: String,
}

/// A point as it is looked for: its settings, and the values of its axes.
pub(super) type Place<'a> = (Value, &'a [AxisValue]);

impl NamedCell {
    /// Reads the table of settings.
    pub(super) fn read(
        table: &'static str,
        (written, place): (&Tree, Span),
        job: JobKind,
        problems: &mut Problems,
    ) -> Self {
        let mut settings = Vec::new();
        collect(written, "", job, &mut settings, problems);
        Self {
            table,
            place,
            settings,
        }
    }

    /// The settings as the job reads them beside the rest of the sweep's; `None` where one cannot be
    /// read.
    pub(super) fn known(
        &self,
        rest: &Tree,
        job: JobKind,
        problems: &mut Problems,
    ) -> Option<KnownCell<'_>> {
        let mut known = Vec::new();
        for wanted in &self.settings {
            let Wanted {
                path, key, value, ..
            } = wanted;
            let mut tree = rest.clone();
            let over = tree::single(path, key, value.clone());
            tree::overlay(&mut tree, over, job.families());
            match JobSettings::read(job, tree.clone()) {
                Ok(read) => {
                    let read = read.to_json();
                    known.push(Known {
                        wanted,
                        json: show::value_at(&read, path).cloned(),
                        text: show::axis(&read, path, Some(value)),
                    });
                }
                Err(error) => problems.read(&error, Some(&tree)),
            }
        }
        (known.len() == self.settings.len()).then_some(KnownCell {
            place: &self.place,
            settings: known,
        })
    }
}

fn collect(
    table: &Tree,
    prefix: &str,
    job: JobKind,
    settings: &mut Vec<Wanted>,
    problems: &mut Problems,
) {
    for (key, value) in table {
        let name = join(prefix, key.get_ref());
        let is_setting = job.long_path(&name).is_some() || job.families().contains(&&*name);
        match value.get_ref() {
            DeValue::Table(inner) if !is_setting => collect(inner, &name, job, settings, problems),
            _ => {
                if let Some(path) = axes::path_of(&name, job, key.span(), problems) {
                    settings.push(Wanted {
                        name,
                        path,
                        key: key.span(),
                        value: value.clone(),
                    });
                }
            }
        }
    }
}

impl Known<'_> {
    fn fits(&self, settings: &Value, axes: &[AxisValue]) -> bool {
        self.json
            .as_ref()
            .is_some_and(|json| show::value_at(settings, &self.wanted.path) == Some(json))
            // What is resolved into other settings is known by what the axis says.
            || axes
                .iter()
                .any(|axis| axis.axis == self.wanted.name && axis.value == self.text)
    }

    /// What a point has in its place.
    fn shown(&self, settings: &Value, axes: &[AxisValue]) -> String {
        let axis = axes.iter().find(|axis| axis.axis == self.wanted.name);
        axis.map_or_else(
            || show::axis(settings, &self.wanted.path, None),
            |axis| axis.value.clone(),
        )
    }
}

impl KnownCell<'_> {
    /// Whether a point has all of the settings.
    pub(super) fn fits(&self, settings: &Value, axes: &[AxisValue]) -> bool {
        self.settings.iter().all(|own| own.fits(settings, axes))
    }

    /// Says what it is that none of the points has, with what they have.
    pub(super) fn refuse(&self, points: &[Place<'_>], scale: &str, problems: &mut Problems) {
        let is_there = |own: &Known<'_>| points.iter().any(|(all, axes)| own.fits(all, axes));
        let mut told = false;
        for own in self.settings.iter().filter(|own| !is_there(own)) {
            told = true;
            let mut values: Vec<String> = Vec::new();
            for (settings, axes) in points {
                let value = own.shown(settings, axes);
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            problems.at(
                own.wanted.value.span(),
                format!(
                    "no cell of the sweep has `{}` {}",
                    own.wanted.name, own.text
                ),
                format!("at scale `{scale}` it is {}", values.join(", ")),
            );
        }
        if !told {
            let own = self.settings.iter();
            let names: Vec<&str> = own.map(|own| own.wanted.name.as_str()).collect();
            let cell = |(settings, axes): &Place<'_>| {
                let own = self.settings.iter();
                let values: Vec<String> = own.map(|own| own.shown(settings, axes)).collect();
                values.join(" ")
            };
            let mut cells: Vec<String> = points.iter().map(cell).collect();
            cells.dedup();
            problems.at(
                self.place.clone(),
                "no cell of the sweep has all of these settings",
                format!("{} are: {}", names.join(", "), cells.join("; ")),
            );
        }
    }
}
