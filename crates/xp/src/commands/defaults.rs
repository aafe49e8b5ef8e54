//! `xp schema --defaults`: every setting with its meaning and default, as a sweep file.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::{
    config::{RunConfig, SpeedConfig, StopConfig},
    jobs::{JobKind, JobSettings},
    schema::{SettingsSchema, sentence},
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
        "# Or by their ends: { from = 1e-4, to = 1e-2, steps = 5, scale = \"log\" }\n\
         \n# Points drawn from the axes, by \"halton\" or \"random\", in the place of all combinations.\n\
         # sample = { points = 40, method = \"halton\", seed = 0 }\n",
    );
    text.push_str(
        "\n# The cell that others are compared with, by what it has, and the measure of the ranking; it changes no trial.\n\
         # [compare]\n# baseline = { capacity-factor = 1.25 }\n# measure = \"perplexity\"\n",
    );
    if job.facts().untimed.is_none() {
        text.push_str(
            "\n# Speeds of all cells, measured in turn where a sweep has this table.\n# [speed]\n",
        );
        commented(&mut text, &SpeedConfig::default());
    }
    if job.facts().validates {
        text.push_str(
            "\n# Trials that are worse than the median of the finished ones are stopped where a sweep has \
             this table.\n# [stop]\n",
        );
        commented(&mut text, &StopConfig::default());
    }
    text.push_str(
        "\n# Trials that fail are started again, and those that take too long are stopped.\n# [run]\n",
    );
    commented(&mut text, &RunConfig::default());
    text.push_str(
        "# time-limit is not set, such as \"1h 30m\"\n\
         # What a scheduler is asked for by `xp submit`, none of it set: cpus = 8, gpus = 1, memory = \"16G\", \
         time = \"2h\", partition = \"gpu\", account = \"moe\"; trials-per-task = 4\n",
    );
    text
}

/// The settings of a table, a comment each.
fn commented(text: &mut String, table: &impl serde::Serialize) {
    let table = toml::to_string(table).unwrap_or_default();
    for line in table.lines().filter(|line| line.contains('=')) {
        let _ = writeln!(text, "# {line}");
    }
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
         device = \"cpu\"\n\
         # Files of the same folder that this one is laid over.\n\
         # include = [\"base.toml\"]\n\
         # Words to find the sweep by, and what is to be remembered of it; no trial depends on them.\n\
         # tags = [\"pilot\"]\n\
         # notes = \"\"\n",
        job.name()
    )
}

struct Writer<'a> {
    schema: &'a SettingsSchema,
    text: String,
}

/// How a setting is written.
enum Form {
    /// On one line.
    Line(String),
    /// As a table under this path, described by this schema.
    Table {
        path: String,
        schema: Value,
        values: Value,
    },
}

impl SettingsSchema {
    /// The settings of a table with their defaults, a line each.
    fn settings_of(&self, table: &Value) -> Vec<String> {
        let table = self.follow(table);
        let properties = table["properties"].as_object();
        let required = |key: &String| {
            let required = table["required"].as_array();
            required.is_some_and(|required| required.iter().any(|own| own == key))
        };
        let line = |(key, property): (&String, &Value)| {
            let about = sentence(self.description(property));
            let default = match &property["default"] {
                Value::Null if required(key) => "...".to_owned(),
                Value::Null => "not set".to_owned(),
                value => inline(value),
            };
            format!("      {key} = {default}: {about}")
        };
        properties.into_iter().flatten().map(line).collect()
    }
}

impl Writer<'_> {
    /// A table: first what fits on lines, then the tables in it. What need not be set stands in a comment.
    fn table(&mut self, schema: &Value, values: &Value, path: &str) {
        let schema = self.schema.follow(schema).clone();
        let mut tables = Vec::new();
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            // Values that are left out of the settings of trials, and are the usual ones.
            let value = values.get(key).unwrap_or(&property["default"]).clone();
            if value.is_null() {
                self.unset(key, property);
                continue;
            }
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
            self.table(&schema, &values, &path);
        }
    }

    /// A setting without a default, with the settings that are its own.
    fn unset(&mut self, key: &str, property: &Value) {
        self.comment(property);
        let given = self.schema.given(property);
        let own = self.schema.settings_of(given);
        let value = if own.is_empty() { "..." } else { "{ ... }" };
        let _ = writeln!(self.text, "# {key} = {value}  # not set");
        for line in own {
            let _ = writeln!(self.text, "# {line}");
        }
    }

    fn form(&self, property: &Value, value: Value, path: &str) -> Form {
        let Some(map) = value.as_object() else {
            return Form::Line(inline(&value));
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
            values: settings.clone(),
        }
    }

    fn comment(&mut self, property: &Value) {
        let own = self.schema.description(property);
        let mut lines: Vec<String> = own.lines().map(str::to_owned).collect();
        let members = self.schema.members(property).unwrap_or_default();
        if members.is_empty() && self.schema.follow(property)["type"] != "boolean" {
            let values = self.schema.values(property).into_iter();
            lines.extend(values.map(|(name, about)| match about.as_str() {
                "" => format!("  {name}"),
                about => format!("  {name}: {about}"),
            }));
        }
        for member in members {
            lines.push(format!("  {}: {}", member.name, member.description));
            lines.extend(self.schema.settings_of(member.settings));
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
            "#       entropy-weight = 0.0: ",
            "#       max-experts = not set: ",
            "#   mlp: One hidden layer.",
            "#       hidden = ",
        ] {
            assert!(text.contains(line), "`{line}` is not in\n{text}");
        }
    }

    #[test]
    fn every_setting_of_every_table_is_named() {
        for job in JobKind::ALL {
            let text = toml(job);
            for path in SettingsSchema::of(job).paths() {
                let key = path.rsplit('.').next().unwrap();
                let set = [
                    format!("{key} = "),
                    format!("# {key} = "),
                    format!("#       {key} = "),
                ];
                let named = |line: &str| {
                    set.iter().any(|set| line.starts_with(set))
                        || line.starts_with('[') && line.contains(&path)
                };
                assert!(text.lines().any(named), "{path} is not in\n{text}");
            }
        }
        let train = toml(JobKind::Train);
        for line in [
            "chain = 1",
            "[moe.expert.mlp]",
            "# expert-hidden = ...  # not set",
            "# shared = { ... }  # not set",
            "#       gate = true: ",
            "#       hidden = ...: ",
            "# dense = ...  # not set",
            "#   active: k times as wide",
        ] {
            let found = train.lines().any(|own| own.starts_with(line));
            assert!(found, "`{line}` is not in\n{train}");
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
