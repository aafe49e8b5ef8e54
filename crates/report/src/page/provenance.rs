//! What ran the trials, and what wrote the page.

use runstore::{Collected, Manifest, RanBy};

/// What ran the trials, and what wrote the files from them, which may be another program on another machine.
pub(super) fn facts(collected: &Collected, manifest: &Manifest) -> Vec<(String, String)> {
    let program = &manifest.provenance;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let number = |value: Option<u64>| value.map_or_else(String::new, |value| value.to_string());
    let ran = RanBy::of(&collected.trials);
    let ran = ran.iter().map(|ran| {
        let program = [
            Some(format!("xp {}", ran.xp_version)),
            commit(ran.git_sha.as_ref(), ran.git_dirty).map(|commit| format!("commit {commit}")),
            ran.rustc.clone(),
            ran.burn_version
                .as_ref()
                .map(|version| format!("burn {version}")),
            Some(format!("host {}", ran.host)),
            ran.cpu_model.clone(),
            ran.cores.map(|cores| format!("{cores} logical processors")),
        ];
        let program: Vec<String> = program.into_iter().flatten().collect();
        format!("{} trials: {}", ran.trials, program.join(", "))
    });
    let memory = program.memory_bytes.map_or_else(String::new, |bytes| {
        format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0)
    });
    let joined = |items: &[String]| items.join(" ");
    let data: Vec<String> = manifest
        .data
        .iter()
        .map(|(name, digest)| format!("{name}: {digest}"))
        .collect();
    let seeds: Vec<String> = manifest.seeds.iter().map(u64::to_string).collect();
    let schemas: Vec<String> = manifest.schemas.values().cloned().collect();
    let facts = [
        ("trials were run by", ran.collect::<Vec<_>>().join("\n")),
        ("overrides", joined(&manifest.overrides)),
        ("started", manifest.started_at.clone()),
        ("finished", manifest.finished_at.clone()),
        ("seeds", seeds.join(", ")),
        ("data", data.join("\n")),
        ("device", text(&manifest.device_name)),
        ("backend", manifest.backend.clone()),
        ("threads of a trial", number(manifest.threads)),
        ("tables were written by", joined(&manifest.command)),
        ("its xp", program.xp_version.clone()),
        (
            "its commit",
            commit(program.git_sha.as_ref(), program.git_dirty).unwrap_or_default(),
        ),
        ("its Cargo.lock (digest)", program.cargo_lock.clone()),
        ("its compiler", text(&program.rustc)),
        ("its burn", text(&program.burn_version)),
        ("its host (digest)", program.host.clone()),
        ("its processor", text(&program.cpu_model)),
        ("its logical processors", number(program.cores)),
        ("its memory", memory),
        ("its operating system", text(&program.os)),
        ("schemas", schemas.join(", ")),
    ];
    facts
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn commit(sha: Option<&String>, dirty: Option<bool>) -> Option<String> {
    let state = if dirty == Some(true) {
        " with uncommitted changes"
    } else {
        ""
    };
    sha.map(|sha| format!("{sha}{state}"))
}
