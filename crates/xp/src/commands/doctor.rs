//! `xp doctor`: what this machine and this build can do.

use std::path::Path;

use corpora::FileState;
use runstore::Provenance;
use serde::Serialize;

use crate::{
    cli::DoctorArgs,
    device::{self, DeviceChoice},
    exit::{Exit, Expected},
    ui,
};

#[derive(Serialize)]
struct Findings {
    provenance: Provenance,
    threads: usize,
    cpu_features: Vec<&'static str>,
    backends: Vec<Backend>,
    data_folder: String,
    data: Vec<Data>,
    folders: Vec<Folder>,
}

#[derive(Serialize)]
struct Backend {
    name: &'static str,
    compiled: bool,
    devices: Vec<String>,
}

#[derive(Serialize)]
struct Data {
    name: String,
    state: String,
    blake3: Vec<String>,
}

#[derive(Serialize)]
struct Folder {
    path: String,
    writable: bool,
}

pub(super) fn run(args: &DoctorArgs) -> Result<Exit, Expected> {
    let data = args.places.data.dir();
    let findings = Findings {
        provenance: crate::built::provenance(),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        cpu_features: cpu_features(),
        backends: backends(),
        data_folder: data.path.display().to_string(),
        data: datasets(&data)?,
        folders: vec![folder(&args.places.work), folder(&args.places.results)],
    };
    let broken = findings.folders.iter().any(|folder| !folder.writable);
    if args.json {
        ui::json(&findings);
    } else {
        ui::data(&text(&findings));
    }
    Ok(if broken { Exit::Store } else { Exit::Done })
}

fn backends() -> Vec<Backend> {
    let compiled = DeviceChoice::compiled();
    ["cpu", "cuda", "wgpu"]
        .into_iter()
        .map(|name| Backend {
            name,
            compiled: compiled.contains(&name),
            devices: device::enumerate(name),
        })
        .collect()
}

fn datasets(data: &corpora::DataDir) -> Result<Vec<Data>, Expected> {
    let listings = corpora::list(data)?;
    let summary = |listing: corpora::Listing| {
        let state = match listing
            .files
            .iter()
            .map(|file| &file.state)
            .collect::<Vec<_>>()[..]
        {
            [] => "built in".to_owned(),
            ref states if states.iter().all(|state| **state == FileState::Missing) => {
                format!("missing: xp data fetch {}", listing.name)
            }
            ref states
                if states
                    .iter()
                    .any(|state| matches!(state, FileState::Changed(_))) =>
            {
                format!("changed: xp data check {}", listing.name)
            }
            _ => "there".to_owned(),
        };
        let digests = listing.files.into_iter().filter_map(|file| file.digest);
        let blake3 = digests.map(|digest| digest.blake3).collect();
        Data {
            name: listing.name,
            state,
            blake3,
        }
    };
    Ok(listings.into_iter().map(summary).collect())
}

/// Whether a folder, or the nearest one above it that exists, takes a file.
fn folder(path: &Path) -> Folder {
    let existing = path.ancestors().find(|folder| folder.is_dir());
    let existing = existing.unwrap_or_else(|| Path::new("."));
    let writable = tempfile::tempfile_in(existing).is_ok();
    Folder {
        path: path.display().to_string(),
        writable,
    }
}

fn cpu_features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        let known = [
            ("avx2", std::is_x86_feature_detected!("avx2")),
            ("fma", std::is_x86_feature_detected!("fma")),
            ("avx512f", std::is_x86_feature_detected!("avx512f")),
            ("avx512bw", std::is_x86_feature_detected!("avx512bw")),
            ("avx512vnni", std::is_x86_feature_detected!("avx512vnni")),
        ];
        known
            .into_iter()
            .filter(|(_, there)| *there)
            .map(|(name, _)| name)
            .collect()
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        vec![std::env::consts::ARCH]
    }
}

fn text(findings: &Findings) -> String {
    let facts = &findings.provenance;
    let memory = facts.memory_bytes.map_or_else(
        || "unknown".to_owned(),
        |bytes| format!("{:.1} GiB", bytes as f64 / f64::from(1u32 << 30)),
    );
    let mut lines = vec![
        format!("xp         {}", facts.xp_version),
        format!("source     {}", source(facts)),
        format!("rustc      {}", facts.rustc.as_deref().unwrap_or("unknown")),
        format!(
            "burn       {}",
            facts.burn_version.as_deref().unwrap_or("unknown")
        ),
        format!(
            "processor  {}",
            facts.cpu_model.as_deref().unwrap_or("unknown")
        ),
        format!("threads    {}", findings.threads),
        format!("features   {}", findings.cpu_features.join(" ")),
        format!("memory     {memory}"),
        format!("system     {}", facts.os.as_deref().unwrap_or("unknown")),
        String::new(),
        "backends".to_owned(),
    ];
    for backend in &findings.backends {
        let state = if backend.compiled {
            match backend.devices.len() {
                0 => "compiled in, no device found".to_owned(),
                _ => backend.devices.join(", "),
            }
        } else {
            format!(
                "not compiled in: cargo build --release -p xp --features {}",
                backend.name
            )
        };
        lines.push(format!("  {:<6} {state}", backend.name));
    }
    lines.push(String::new());
    lines.push(format!("data in {}", findings.data_folder));
    for data in &findings.data {
        let digests: Vec<_> = data.blake3.iter().map(|digest| &digest[..12]).collect();
        lines.push(
            format!("  {:<18} {} {}", data.name, data.state, digests.join(" "))
                .trim_end()
                .to_owned(),
        );
    }
    lines.push(String::new());
    lines.push("folders".to_owned());
    for folder in &findings.folders {
        let state = if folder.writable {
            "writable"
        } else {
            "not writable: choose another"
        };
        lines.push(format!("  {:<18} {state}", folder.path));
    }
    lines.join("\n")
}

fn source(facts: &Provenance) -> String {
    match (&facts.git_sha, facts.git_dirty) {
        (Some(sha), Some(true)) => format!("commit {}, with changes", &sha[..sha.len().min(12)]),
        (Some(sha), _) => format!("commit {}", &sha[..sha.len().min(12)]),
        (None, _) => "not in a git checkout".to_owned(),
    }
}
