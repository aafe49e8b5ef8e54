//! `xp schema --defaults`: every setting with its meaning and default, as a sweep file.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::{
    config::SpeedConfig,
    jobs::{JobKind, JobSettings},
    schema::{Member, SettingsSchema, sentence},
};

/// All settings of a job as TOML that a sweep file could hold, with a comment on each.
pub(super) fn toml(job: JobKind) -> String {
    let schema = SettingsSchema::of(job);
    let mut writer = Writer {
        schema: &schema,
        text: header(job),
    };
    if let Some(defaults) = JobSettings::defaults(job) {
        writer.table(schema.root(), &defaults.to_json(), "");
    }
    let mut text = writer.text;
    text.push_str("\n# Settings that vary, by these short names or by their path.\n[axes]\n");
    for (short, path) in job.short_names() {
        let _ = writeln!(text, "# {short} = [...]  # {path}");
    }
    text.push_str(
        "\n# The cell that others are compared with, by what it has; it changes no trial.\n\
         # [compare]\n# baseline = { capacity-factor = 1.25 }\n",
    );
    if job != JobKind::Router {
        text.push_str(
            "\n# Speeds of all cells, measured in turn where a sweep has this table.\n# [speed]\n",
        );
        let speed = toml::to_string(&SpeedConfig::default()).unwrap_or_default();
        let lines = speed.lines().filter(|line| line.contains('='));
        lines.for_each(|line| {
            let _ = writeln!(text, "# {line}");
        });
    }
    text
}

fn header(job: JobKind) -> String {
    format!(
        "# The results folder.\n\
         name = \"my-sweep\"\n\
         # What the sweep wants to find out.\n\
         question = \"Which setting is best?\"\n\
         job = \"{}\"\n\
         # Every point of the axes runs with each seed.\n\
         seeds = [17, 18, 19]\n\
         # Weights that a trial leaves behind: \"none\", \"last\" or \"best\".\n\
         save = \"none\"\n\
         # Where trials run: \"cpu\", \"cuda:0\" or \"wgpu:0\".\n\
         device = \"cpu\"\n",
        job.name()
    )
}

struct Writer<'a> {
    schema: &'a SettingsSchema,
    text: String,
}

/// How a setting is written.
enum Form<'a> {
    /// On one line.
    Line(String),
    /// As a table under this path, described by this schema.
    Table {
        path: String,
        schema: Value,
        values: &'a Value,
    },
}

impl Writer<'_> {
    /// A table: first what fits on lines, then the tables in it.
    fn table(&mut self, schema: &Value, values: &Value, path: &str) {
        let schema = self.schema.follow(schema).clone();
        let Some(values) = values.as_object() else {
            return;
        };
        let mut tables = Vec::new();
        for (key, value) in values {
            let property = &schema["properties"][key];
            match self.form(property, value, &crate::config::join(path, key)) {
                Form::Line(line) => {
                    self.comment(property);
                    let _ = writeln!(self.text, "{key} = {line}");
                }
                Form::Table {
                    path,
                    schema,
                    values,
                } => {
                    tables.push((property.clone(), path, schema, values));
                }
            }
        }
        for (property, path, schema, values) in tables {
            self.text.push('\n');
            self.comment(&property);
            let _ = writeln!(self.text, "[{path}]");
            self.table(&schema, values, &path);
        }
    }

    fn form<'v>(&self, property: &Value, value: &'v Value, path: &str) -> Form<'v> {
        let Some(map) = value.as_object() else {
            return Form::Line(inline(value));
        };
        let Some(members) = self.schema.members(property) else {
            let schema = property.clone();
            return Form::Table {
                path: path.to_owned(),
                schema,
                values: value,
            };
        };
        let Some((name, settings)) = map.iter().next() else {
            return Form::Line("{}".into());
        };
        if settings.as_object().is_none_or(Map::is_empty) {
            // A member with defaults alone is its name.
            return Form::Line(inline(&Value::String(name.clone())));
        }
        let member = members.into_iter().find(|member| member.name == name);
        Form::Table {
            path: format!("{path}.{name}"),
            schema: member.map_or(Value::Null, |member| member.settings.clone()),
            values: settings,
        }
    }

    /// A member's own settings with their defaults, a line each.
    fn settings(&self, member: Member<'_>) -> Vec<String> {
        let properties = self.schema.follow(member.settings)["properties"].as_object();
        let line = |(key, property): (&String, &Value)| {
            let about = sentence(self.schema.description(property));
            let default = match &property["default"] {
                Value::Null => "not set".to_owned(),
                value => inline(value),
            };
            format!("      {key} = {default}: {about}")
        };
        properties.into_iter().flatten().map(line).collect()
    }

    fn comment(&mut self, property: &Value) {
        let own = self.schema.description(property);
        let mut lines: Vec<String> = own.lines().map(str::to_owned).collect();
        if let Some(names) = self.schema.follow(property)["enum"].as_array() {
            let names: Vec<_> = names.iter().map(inline).collect();
            lines.push(format!("One of {}.", names.join(", ")));
        }
        for member in self.schema.members(property).unwrap_or_default() {
            lines.push(format!("  {}: {}", member.name, member.description));
            lines.extend(self.settings(member));
        }
        for line in lines {
            let _ = writeln!(self.text, "{}", format!("# {line}").trim_end());
        }
    }
}

/// A JSON value in TOML's inline form.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(inline).collect::<Vec<_>>().join(", ")
            )
        }
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let entries: Vec<_> = map
                .iter()
                .map(|(key, value)| format!("{key} = {}", inline(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sweep, SweepFile, SweepOptions};

    #[test]
    fn every_member_of_a_family_shows_its_own_settings() {
        let text = toml(JobKind::Train);
        for line in [
            "#   top-p: The fewest best experts",
            "#       p = 0.6: ",
            "#       entropy-weight = not set: ",
            "#       max-experts = not set: ",
            "#   mlp: One hidden layer.",
            "#       hidden = ",
        ] {
            assert!(text.contains(line), "`{line}` is not in\n{text}");
        }
    }

    #[test]
    fn the_printed_defaults_are_a_sweep_with_the_default_settings() {
        for job in JobKind::ALL {
            let text = toml(job);
            let file = SweepFile::parse("defaults.toml".as_ref(), text.as_bytes()).unwrap();
            let sweep = Sweep::resolve(file, &SweepOptions::default()).unwrap();
            let points = sweep.points().unwrap();
            let mut expected = JobSettings::defaults(job).unwrap();
            expected.resolve();
            assert_eq!(points.len(), 1);
            assert_eq!(points[0].settings.to_json(), expected.to_json());
        }
    }
}
