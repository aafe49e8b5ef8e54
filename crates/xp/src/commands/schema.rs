//! `xp schema`: what a sweep file may hold, generated from the settings' types.

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::defaults;
use crate::{
    cli::SchemaArgs,
    config::{Save, SpeedConfig},
    exit::{Exit, Expected},
    jobs::{JobKind, LayerSettings, PackSettings, RouterSettings, TrainSettings},
    ui,
};

pub(super) fn run(args: &SchemaArgs) -> Result<Exit, Expected> {
    let job = JobKind::from_name(&args.job).unwrap_or(JobKind::Train);
    if args.defaults {
        ui::data(&defaults::toml(job));
    } else {
        ui::json(&sweep_file(job));
    }
    Ok(Exit::Done)
}

/// The settings of a job: their schema and the definitions it refers to.
pub(super) fn settings(job: JobKind) -> (Value, Map<String, Value>) {
    let mut generator = SchemaGenerator::default();
    let schema: Schema = match job {
        JobKind::Train => generator.root_schema_for::<TrainSettings>(),
        JobKind::Pack => generator.root_schema_for::<PackSettings>(),
        JobKind::Layer => generator.root_schema_for::<LayerSettings>(),
        JobKind::Router => generator.root_schema_for::<RouterSettings>(),
        // No file asks for it, so that nothing asks for its schema.
        JobKind::Speed => Schema::default(),
    };
    apart(schema)
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
pub(super) fn sweep_file(job: JobKind) -> Value {
    let (settings, mut definitions) = settings(job);
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
    let baseline = json!({
        "type": "object", "minProperties": 1,
        "description": "The cell that others are compared with: settings by short name or by path.",
    });
    json!({
        "type": "object",
        "description": "What cells are compared with; it changes no trial.",
        "properties": { "baseline": baseline },
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
