//! The settings of a job as a JSON schema, generated from their types.

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::{config::join, jobs::JobKind};

/// The settings of a job, as a schema that can be walked.
#[derive(Debug)]
pub(crate) struct SettingsSchema {
    root: Value,
    definitions: Map<String, Value>,
}

/// What numbers a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// Whole ones.
    Whole,
    /// Any.
    Real,
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

    /// The table of all settings, and the definitions that it refers to.
    pub(crate) fn into_parts(self) -> (Value, Map<String, Value>) {
        (self.root, self.definitions)
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
        let property = self.property_at(path)?;
        property.get("default").filter(|usual| !usual.is_null())
    }

    /// What numbers the setting at a dotted path takes, where it takes any.
    pub(crate) fn number_at(&self, path: &str) -> Option<Number> {
        let schema = self.follow(self.given(self.property_at(path)?));
        let kinds = match &schema["type"] {
            Value::Array(kinds) => kinds.as_slice(),
            kind => std::slice::from_ref(kind),
        };
        let is = |kind: &str| kinds.iter().any(|own| own == kind);
        match (is("integer"), is("number")) {
            (true, _) => Some(Number::Whole),
            (false, true) => Some(Number::Real),
            (false, false) => None,
        }
    }

    fn property_at(&self, path: &str) -> Option<&Value> {
        let mut property = &self.root;
        for key in path.split('.') {
            let members = self.members(property);
            let member = members
                .into_iter()
                .flatten()
                .find(|member| member.name == key);
            property = match member {
                Some(member) => member.settings,
                None => self.follow(self.given(property))["properties"].get(key)?,
            };
        }
        Some(property)
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
pub(crate) fn apart(schema: Schema) -> (Value, Map<String, Value>) {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    #[test]
    fn numbers_are_told_from_other_settings() {
        let schema = SettingsSchema::of(JobKind::Train);
        let number = |path| schema.number_at(path);
        assert_eq!(number("moe.k"), Some(Number::Whole));
        assert_eq!(number("moe.expert-hidden"), Some(Number::Whole));
        assert_eq!(number("train.learning-rate"), Some(Number::Real));
        assert_eq!(number("router.strategy.top-p.p"), Some(Number::Real));
        assert_eq!(number("router.strategy"), None);
        assert_eq!(number("moe.nothing"), None);
    }
}
