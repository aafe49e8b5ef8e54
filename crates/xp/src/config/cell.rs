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
use crate::{
    jobs::{JobKind, JobSettings},
    schema::SettingsSchema,
};

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
    job: JobKind,
    schema: SettingsSchema,
}

struct Known<'a> {
    wanted: &'a Wanted,
    /// `None` where it is the usual value, which settings leave out.
    json: Option<Value>,
    text: String,
    /// What the rest of the sweep says in its place.
    rest: Option<Node>,
}

/// A point as it is looked for: its settings, and the values of its axes.
pub(super) type Place<'a> = (Value, &'a [AxisValue]);

impl NamedCell {
    /// Reads the table of settings, which must name one at least.
    pub(super) fn read(
        table: &'static str,
        (written, place): (&Tree, Span),
        job: JobKind,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut settings = Vec::new();
        let before = problems.len();
        collect(written, "", job, &mut settings, problems);
        if settings.is_empty() && problems.len() == before {
            let help = "name what sets the cell apart, by short name or path, such as `k = 2`";
            problems.at(place, format!("`{table}` names no setting"), help);
            return None;
        }
        Some(Self {
            table,
            place,
            settings,
        })
    }

    /// The settings as the job reads them beside the rest of the sweep's; `None` where one cannot be
    /// read.
    pub(super) fn known(
        &self,
        rest: &Tree,
        job: JobKind,
        problems: &mut Problems,
    ) -> Option<KnownCell<'_>> {
        let schema = SettingsSchema::of(job);
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
                        text: show::axis(&read, path, Some(value), &schema),
                        rest: tree::find(rest, path).cloned(),
                    });
                }
                Err(error) => problems.read(&error, Some(&tree)),
            }
        }
        (known.len() == self.settings.len()).then_some(KnownCell {
            place: &self.place,
            settings: known,
            job,
            schema,
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
    fn fits(&self, settings: &Value, axis: Option<&AxisValue>) -> bool {
        match (show::value_at(settings, &self.wanted.path), axis) {
            (Some(own), _) if self.json.as_ref() == Some(own) => true,
            // What is left out or resolved into other settings is known by what the axis says.
            (_, Some(axis)) => axis.value == self.text,
            (None, None) => self.json.is_none(),
            // The name alone is enough where the sweep has the one member of its family.
            (Some(own), None) => {
                let name = self.wanted.value.get_ref().as_str();
                name.is_some() && member(own) == self.json.as_ref().and_then(member)
            }
        }
    }
}

/// The name of a family's member.
fn member(json: &Value) -> Option<&String> {
    let table = json.as_object().filter(|table| table.len() == 1)?;
    table.keys().next()
}

impl KnownCell<'_> {
    /// Whether a point has all of the settings.
    pub(super) fn fits(&self, settings: &Value, axes: &[AxisValue]) -> bool {
        let fits = |own: &Known<'_>| own.fits(settings, self.axis(own, axes));
        self.settings.iter().all(fits)
    }

    /// The axis that is one of the settings, by whichever of its names.
    fn axis<'p>(&self, own: &Known<'_>, axes: &'p [AxisValue]) -> Option<&'p AxisValue> {
        axes.iter().find(|axis| {
            let path = self.job.long_path(&axis.axis).unwrap_or(&axis.axis);
            path == own.wanted.path
        })
    }

    /// What a point has in the place of one of the settings.
    fn shown(&self, own: &Known<'_>, (settings, axes): &Place<'_>) -> String {
        self.axis(own, axes).map_or_else(
            || show::axis(settings, &own.wanted.path, own.rest.as_ref(), &self.schema),
            |axis| axis.value.clone(),
        )
    }

    /// Says at its place what is wrong with the cell.
    pub(super) fn refuse_as(&self, message: &str, help: &str, problems: &mut Problems) {
        problems.at(self.place.clone(), message, help);
    }

    /// Says what it is that none of the points has, with what they have.
    pub(super) fn refuse(&self, points: &[Place<'_>], scale: &str, problems: &mut Problems) {
        let is_there = |own: &Known<'_>| {
            let has = |(all, axes): &Place<'_>| own.fits(all, self.axis(own, axes));
            points.iter().any(has)
        };
        let mut told = false;
        for own in self.settings.iter().filter(|own| !is_there(own)) {
            told = true;
            let mut values: Vec<String> = Vec::new();
            for point in points {
                let value = self.shown(own, point);
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
            let cell = |point: &Place<'_>| {
                let own = self.settings.iter();
                let values: Vec<String> = own.map(|own| self.shown(own, point)).collect();
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
