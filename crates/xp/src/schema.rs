//! What a sweep file may hold, as a JSON schema, generated from the settings' types.

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::{
    config::{SpeedConfig, join},
    jobs::{JobKind, Save},
};

/// The settings of a job, as a schema that can be walked.
#[derive(Debug)]
pub(crate) struct SettingsSchema {
    root: Value,
    definitions: Map<String, Value>,
}

/// A member of a family of settings, such as one strategy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'a> {
    /// Its name in a file.
    pub(crate) name: &'a str,
    /// What it is.
    pub(crate) description: &'a str,
    /// The schema of its own settings.
    pub(crate) settings: &'a Value,
}

impl SettingsSchema {
    /// The settings of a job.
    pub(crate) fn of(job: JobKind) -> Self {
        let (root, definitions) = apart(job.schema(SchemaGenerator::default()));
        Self { root, definitions }
    }

    /// The table of all settings.
    pub(crate) const fn root(&self) -> &Value {
        &self.root
    }

    /// What a schema refers to, or the schema itself.
    pub(crate) fn follow<'s>(&'s self, schema: &'s Value) -> &'s Value {
        let name = schema["$ref"]
            .as_str()
            .and_then(|path| path.strip_prefix("#/$defs/"));
        match name.and_then(|name| self.definitions.get(name)) {
            Some(definition) => self.follow(definition),
            None => schema,
        }
    }

    /// What a setting is that need not be set: the other alternative than none.
    pub(crate) fn given<'s>(&'s self, property: &'s Value) -> &'s Value {
        let is_null = |schema: &&Value| schema["type"] == "null";
        match self.follow(property)["anyOf"].as_array().map(Vec::as_slice) {
            Some([given, none] | [none, given]) if is_null(&none) && !is_null(&given) => given,
            _ => property,
        }
    }

    /// What a setting is, in its own words or in those of its type.
    pub(crate) fn description<'s>(&'s self, property: &'s Value) -> &'s str {
        let own = property["description"].as_str();
        own.or_else(|| self.follow(property)["description"].as_str())
            .unwrap_or_default()
    }

    /// The members of a family: schemas with one property, the member's name. `None` for a setting
    /// that is no family.
    pub(crate) fn members<'s>(&'s self, property: &'s Value) -> Option<Vec<Member<'s>>> {
        let any = self.follow(property)["anyOf"].as_array()?;
        let member = |schema: &'s Value| {
            let (name, settings) = schema["properties"].as_object()?.iter().next()?;
            let description = schema["description"].as_str().unwrap_or_default();
            Some(Member {
                name,
                description,
                settings,
            })
        };
        Some(any.iter().filter_map(member).collect())
    }

    /// The dotted paths of all settings of tables, but for those below members of families.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.collect_paths(&self.root, "", &mut found);
        found
    }

    fn collect_paths(&self, table: &Value, path: &str, found: &mut Vec<String>) {
        let table = self.follow(self.given(table));
        for (key, property) in table["properties"].as_object().into_iter().flatten() {
            let path = join(path, key);
            self.collect_paths(property, &path, found);
            found.push(path);
        }
    }

    /// The default of the setting at a dotted path, where it has one.
    pub(crate) fn default_at(&self, path: &str) -> Option<&Value> {
        let mut property = &self.root;
        for key in path.split('.') {
            let members = self.members(property);
            let member = members
                .into_iter()
                .flatten()
                .find(|member| member.name == key);
            property = match member {
                Some(member) => member.settings,
                None => self.follow(property)["properties"].get(key)?,
            };
        }
        property.get("default").filter(|usual| !usual.is_null())
    }

    /// The values of a setting that has names for them, with what they mean.
    pub(crate) fn values(&self, property: &Value) -> Vec<(String, String)> {
        if let Some(members) = self.members(property).filter(|members| !members.is_empty()) {
            let named = |member: Member<'_>| (member.name.to_owned(), sentence(member.description));
            return members.into_iter().map(named).collect();
        }
        let schema = self.follow(property);
        if schema["type"] == "boolean" {
            return ["true", "false"]
                .map(|value| (value.to_owned(), String::new()))
                .to_vec();
        }
        let one = |value: &Value, about: &Value| {
            Some((
                value.as_str()?.to_owned(),
                sentence(about.as_str().unwrap_or_default()),
            ))
        };
        let own = one(&schema["const"], &schema["description"]);
        let listed = schema["enum"].as_array().into_iter().flatten();
        let listed = listed.filter_map(|value| one(value, &Value::Null));
        let parts = [&schema["oneOf"], &schema["anyOf"]]
            .into_iter()
            .filter_map(Value::as_array);
        let parts = parts.flatten().flat_map(|part| self.values(part));
        own.into_iter().chain(listed).chain(parts).collect()
    }
}

/// The first sentence of a description.
pub(crate) fn sentence(text: &str) -> String {
    let line = text
        .split("\n\n")
        .next()
        .unwrap_or_default()
        .replace('\n', " ");
    match line.split_once(". ") {
        Some((first, _)) => format!("{first}."),
        None => line,
    }
}

/// A schema and the definitions it refers to, which belong at the root of what holds it.
fn apart(schema: Schema) -> (Value, Map<String, Value>) {
    let mut schema = schema.to_value();
    let definitions = match schema
        .as_object_mut()
        .and_then(|schema| schema.remove("$defs"))
    {
        Some(Value::Object(definitions)) => definitions,
        _ => Map::new(),
    };
    (schema, definitions)
}

/// The JSON schema of the sweep files of a job.
pub(crate) fn sweep_file(job: JobKind) -> Value {
    let SettingsSchema {
        root: settings,
        mut definitions,
    } = SettingsSchema::of(job);
    let save = SchemaGenerator::default()
        .into_root_schema_for::<Save>()
        .to_value();
    let mut properties = settings["properties"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let seeds = json!({
        "type": "array", "items": { "type": "integer", "minimum": 0 },
        "minItems": 1, "uniqueItems": true,
        "description": "Every point of the axes runs with each seed.",
    });
    let axes = axes(job);
    let mut overlay = properties.clone();
    overlay.insert("axes".into(), axes.clone());
    overlay.insert("seeds".into(), seeds.clone());
    overlay.insert("save".into(), save.clone());
    let device = json!({
        "type": "string", "pattern": "^(cpu|cuda(:[0-9]+)?|wgpu(:([0-9]+|cpu|integrated))?)$",
        "description": "Where trials run unless --device says otherwise.",
    });
    overlay.insert("device".into(), device.clone());
    let compare = compare();
    overlay.insert("compare".into(), compare.clone());
    let (speed, more) = apart(SchemaGenerator::default().into_root_schema_for::<SpeedConfig>());
    definitions.extend(more);
    overlay.insert("speed".into(), speed.clone());
    definitions.insert(
        "Overlay".into(),
        json!({ "type": "object", "properties": overlay, "additionalProperties": false }),
    );
    let name = json!({
        "type": "string", "pattern": "^[a-z0-9_-]{1,64}$",
        "description": "The name of the results folder.",
    });
    let question = json!({ "type": "string", "description": "What the sweep wants to find out." });
    let header = [
        ("name", name),
        ("question", question),
        ("job", json!({ "const": job.name() })),
        ("seeds", seeds),
        ("save", save),
        ("device", device),
        ("compare", compare),
        ("speed", speed),
        ("axes", axes),
        (
            "scale",
            json!({
                "type": "object",
                "description": "Presets laid over the rest of the file by --scale.",
                "additionalProperties": { "$ref": "#/$defs/Overlay" },
            }),
        ),
    ];
    properties.extend(header.map(|(key, value)| (key.to_owned(), value)));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("A `{}` sweep of xp", job.name()),
        "type": "object",
        "properties": properties,
        "required": ["name", "question", "job", "seeds"],
        "additionalProperties": false,
        "$defs": definitions,
    })
}

fn compare() -> Value {
    let measure = json!({
        "enum": report::Headline::columns().collect::<Vec<_>>(),
        "description": "The column of trials.parquet that cells are ranked by; perplexity, or what a job has in its place.",
    });
    let baseline = json!({
        "type": "object", "minProperties": 1,
        "description": "The cell that others are compared with: settings by short name or by path.",
    });
    json!({
        "type": "object",
        "description": "What cells are compared with and ranked by; it changes no trial.",
        "properties": { "baseline": baseline, "measure": measure },
        "additionalProperties": false,
    })
}

fn axes(job: JobKind) -> Value {
    let list = json!({ "type": "array", "minItems": 1 });
    let named = job.short_names().iter().map(|(short, path)| {
        let mut list = list.clone();
        list["description"] = json!(format!("Values of `{path}`."));
        ((*short).to_owned(), list)
    });
    let properties: Map<String, Value> = named.collect();
    let grid = json!({ "type": "object", "properties": properties });
    json!({
        "description": "Settings that vary, by short name or by path; every combination is a point. \
                        A list of such tables is several grids, one after another.",
        "anyOf": [grid, { "type": "array", "minItems": 1, "items": grid }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Settings that could be left out of a trial's and have a default that nobody is told.
    fn untold(schema: &SettingsSchema, table: &Value, path: &str, found: &mut Vec<String>) {
        let table = schema.given(table);
        for member in schema.members(table).into_iter().flatten() {
            untold(schema, member.settings, &join(path, member.name), found);
        }
        let table = schema.follow(table);
        for (key, property) in table["properties"].as_object().into_iter().flatten() {
            let path = join(path, key);
            untold(schema, property, &path, found);
            let kinds = property["type"].as_array();
            let may_be_none = kinds.is_some_and(|kinds| kinds.contains(&json!("null")))
                || !std::ptr::eq(schema.given(property), property);
            let required = table["required"].as_array();
            let required = required.is_some_and(|required| required.contains(&json!(key)));
            if property.get("default").is_none() && !may_be_none && !required {
                found.push(path);
            }
        }
    }

    #[test]
    fn every_setting_has_a_default_or_may_be_none_or_must_be_given() {
        for job in JobKind::ALL {
            let schema = SettingsSchema::of(job);
            let mut found = Vec::new();
            untold(&schema, schema.root(), "", &mut found);
            assert!(found.is_empty(), "{}: {found:?}", job.name());
            let has_k = schema.paths().contains(&"moe.k".to_owned());
            assert_eq!(has_k, job.sections().contains(&"moe"), "{}", job.name());
        }
    }

    #[test]
    fn defaults_are_found_below_members_of_families_too() {
        let schema = SettingsSchema::of(JobKind::Train);
        let usual = |path| schema.default_at(path).cloned();
        assert_eq!(usual("moe.chain"), Some(json!(1)));
        assert_eq!(
            usual("router.strategy.top-p.entropy-weight"),
            Some(json!(0.0))
        );
        assert_eq!(usual("moe.expert-hidden"), None);
        assert_eq!(usual("moe.nothing"), None);
    }
}
