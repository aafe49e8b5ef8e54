//! What a sweep file may hold, as a JSON schema: what `xp schema` prints, and what editors read.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::{
    config::{RunConfig, SampleConfig, SpeedConfig, StopConfig},
    jobs::{JobKind, Save},
    schema::{SettingsSchema, apart},
};

/// The keys that say nothing of the sweep's trials, and those that a scale cannot change.
const OWN: [&str; 4] = ["include", "name", "question", "job"];

/// The JSON schema of the sweep files of a job.
pub(crate) fn sweep_file(job: JobKind) -> Value {
    let (settings, mut definitions) = SettingsSchema::of(job).into_parts();
    let mut properties = settings["properties"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    properties.extend(header(job, &mut definitions));
    let overlay = properties.keys().filter(|key| !OWN.contains(&key.as_str()));
    let overlay: Map<String, Value> = overlay
        .map(|key| {
            (
                key.clone(),
                json!({ "$ref": format!("#/properties/{key}") }),
            )
        })
        .collect();
    definitions.insert(
        "Overlay".into(),
        json!({ "type": "object", "properties": overlay, "additionalProperties": false }),
    );
    properties.insert(
        "scale".into(),
        json!({
            "type": "object",
            "description": "Presets laid over the rest of the file by --scale.",
            "additionalProperties": { "$ref": "#/$defs/Overlay" },
        }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("A `{}` sweep of xp", job.name()),
        "type": "object",
        "properties": properties,
        // What a file includes may give them.
        "if": { "not": { "required": ["include"] } },
        "then": { "required": ["name", "question", "job", "seeds"] },
        "additionalProperties": false,
        "$defs": definitions,
    })
}

/// The keys beside the sections of the job.
fn header(job: JobKind, definitions: &mut Map<String, Value>) -> Map<String, Value> {
    let file = json!({ "type": "string", "pattern": "^[^/\\\\]+$" });
    let points = json!({ "type": "integer", "minimum": 1 });
    let mut table = |schema| {
        let (schema, more) = apart(schema);
        definitions.extend(more);
        schema
    };
    let header = [
        (
            "include",
            json!({
                "description": "Files of the same folder that this one is laid over, the later over the earlier.",
                "anyOf": [file, { "type": "array", "items": file }],
            }),
        ),
        (
            "name",
            json!({
                "type": "string", "pattern": "^[a-z0-9_-]{1,64}$",
                "description": "The name of the results folder.",
            }),
        ),
        (
            "question",
            json!({ "type": "string", "description": "What the sweep wants to find out." }),
        ),
        ("job", json!({ "const": job.name() })),
        (
            "seeds",
            json!({
                "type": "array", "items": { "type": "integer", "minimum": 0 },
                "minItems": 1, "uniqueItems": true,
                "description": "Every point of the axes runs with each seed.",
            }),
        ),
        ("save", table(root::<Save>())),
        (
            "device",
            json!({
                "type": "string", "pattern": "^(cpu|cuda(:[0-9]+)?|wgpu(:([0-9]+|cpu|integrated))?)$",
                "description": "Where trials run unless --device says otherwise.",
            }),
        ),
        (
            "tags",
            json!({
                "type": "array", "items": { "type": "string", "minLength": 1 }, "uniqueItems": true,
                "description": "Words to find the sweep by; no trial depends on them.",
            }),
        ),
        (
            "notes",
            json!({
                "type": "string",
                "description": "What is to be remembered of the sweep; no trial depends on it.",
            }),
        ),
        ("compare", compare()),
        ("speed", table(root::<SpeedConfig>())),
        ("stop", table(root::<StopConfig>())),
        ("run", table(root::<RunConfig>())),
        (
            "sample",
            json!({
                "description": "Points drawn from the axes, in the place of all combinations.",
                "anyOf": [points, table(root::<SampleConfig>())],
            }),
        ),
    ];
    let axes = ("axes", axes(job, definitions));
    header
        .into_iter()
        .chain([axes])
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn root<T: JsonSchema>() -> schemars::Schema {
    SchemaGenerator::default().into_root_schema_for::<T>()
}

fn compare() -> Value {
    let measure = json!({
        "enum": report::Headline::columns().collect::<Vec<_>>(),
        "description": "The column of trials.parquet that cells are ranked by; perplexity where none is named.",
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

fn axes(job: JobKind, definitions: &mut Map<String, Value>) -> Value {
    let range = json!({
        "type": "object",
        "properties": {
            "from": { "type": "number", "description": "The first value." },
            "to": { "type": "number", "description": "The last value." },
            "steps": {
                "type": "integer", "minimum": 2,
                "description": "How many values, the ends among them; a sample may do without.",
            },
            "scale": {
                "enum": ["linear", "log"],
                "description": "Whether numbers or their logarithms lie equally far apart.",
            },
        },
        "required": ["from", "to"],
        "additionalProperties": false,
    });
    definitions.insert(
        "Values".to_owned(),
        json!({ "anyOf": [{ "type": "array", "minItems": 1 }, range] }),
    );
    let named = job.short_names().iter().map(|(short, path)| {
        let about = format!("Values of `{path}`.");
        let values = json!({ "$ref": "#/$defs/Values", "description": about });
        ((*short).to_owned(), values)
    });
    let properties: Map<String, Value> = named.collect();
    let grid = json!({ "type": "object", "properties": properties });
    json!({
        "description": "Settings that vary, by short name or by path; every combination is a point. \
                        A list of such tables is several grids, one after another.",
        "anyOf": [grid, { "type": "array", "minItems": 1, "items": grid }],
    })
}
