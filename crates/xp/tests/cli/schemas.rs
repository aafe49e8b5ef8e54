//! The schemas that editors read beside the sweep files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::fixture::Lab;

/// Jobs that a file can ask for.
const JOBS: [&str; 6] = ["train", "pack", "layer", "router", "quantise", "finetune"];

fn experiments() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments")
}

#[test]
fn the_committed_schemas_are_those_of_the_program() {
    let lab = Lab::new();
    for job in JOBS {
        let schema = lab.xp(&format!("schema {job}")).expect(0).stdout;
        let path = experiments().join(format!("{job}.schema.json"));
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &schema).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == schema,
            "{job}: write experiments/{job}.schema.json again with UPDATE=1"
        );
    }
}

#[test]
fn every_sweep_that_comes_with_xp_names_the_schema_of_its_job() {
    let mut sweeps = 0;
    for entry in fs::read_dir(experiments()).unwrap().flatten() {
        let path = entry.path();
        let text = fs::read_to_string(&path).unwrap_or_default();
        let is_toml = path.extension().is_some_and(|end| end == "toml");
        let job = text.lines().find_map(|line| {
            let value = line.strip_prefix("job")?.trim_start().strip_prefix('=')?;
            Some(value.trim().trim_matches('"').to_owned())
        });
        let Some(job) = job.filter(|_| is_toml) else {
            continue;
        };
        sweeps += 1;
        let first = text.lines().next().unwrap_or_default();
        assert_eq!(
            first,
            format!("#:schema {job}.schema.json"),
            "{}",
            path.display()
        );
    }
    assert!(sweeps > 20, "{sweeps}");
}
