//! The borders between crates, and the rules of the house that a machine can check.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Which of our crates each may depend on; the arrows of `crates/README.md`.
const ALLOWED: &[(&str, &[&str])] = &[
    ("registry", &[]),
    ("metrics", &[]),
    ("testkit", &[]),
    ("kernels", &[]),
    ("nn", &["kernels"]),
    ("runstore", &[]),
    ("claims", &["registry", "metrics", "runstore"]),
    ("report", &["metrics", "runstore"]),
    ("explore", &["report", "runstore"]),
    ("compare", &["metrics", "report", "runstore"]),
    ("corpora", &["registry"]),
    ("export", &["runstore"]),
    ("trainer", &["registry", "metrics", "kernels"]),
    ("routers", &["registry", "kernels", "nn"]),
    ("moe-layer", &["registry", "kernels", "nn", "routers"]),
    ("lm", &["kernels", "moe-layer", "routers", "trainer"]),
    (
        "models-tiny",
        &[
            "registry",
            "kernels",
            "nn",
            "moe-layer",
            "routers",
            "lm",
            "quant-gptq",
        ],
    ),
    (
        "models-qwen",
        &[
            "registry",
            "kernels",
            "nn",
            "moe-layer",
            "routers",
            "lm",
            "weights",
            "quant-gptq",
        ],
    ),
    ("weights", &["nn"]),
    ("quant-gptq", &["registry", "kernels", "nn", "weights"]),
    ("models-bert", &["kernels", "nn", "moe-layer", "weights"]),
    (
        "peft-lora",
        &["registry", "nn", "routers", "moe-layer", "weights"],
    ),
    (
        "peers",
        &[
            "registry",
            "metrics",
            "kernels",
            "runstore",
            "corpora",
            "trainer",
            "routers",
            "moe-layer",
            "lm",
            "models-qwen",
            "models-tiny",
            "weights",
        ],
    ),
    (
        "xp",
        &[
            "claims",
            "explore",
            "compare",
            "export",
            "registry",
            "metrics",
            "kernels",
            "runstore",
            "report",
            "corpora",
            "trainer",
            "routers",
            "moe-layer",
            "lm",
            "models-bert",
            "models-qwen",
            "models-tiny",
            "quant-gptq",
            "weights",
            "peers",
            "peft-lora",
            "nn",
        ],
    ),
];

/// Crates outside the workspace that stay where they are: who alone may use them.
const CONFINED: &[(&str, &[&str])] = &[
    ("polars", &["runstore"]),
    ("hf-hub", &["corpora"]),
    ("tokenizers", &["corpora"]),
    ("clap", &["xp"]),
    ("miette", &["xp"]),
    ("plotters", &["report"]),
    ("csv-core", &["export"]),
    ("crc", &["export"]),
    ("burn-flex", &["kernels"]),
    ("burn-cubecl", &["kernels"]),
    ("cubecl", &["kernels"]),
];

/// Crates that know no tensors.
const WITHOUT_BURN: &[&str] = &[
    "registry", "metrics", "runstore", "claims", "compare", "explore", "export", "report",
    "corpora",
];

const MOST_LINES: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace")
}

/// Every crate's direct dependencies outside tests.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let facts = packages.iter().map(|package| {
        let name = package["name"].as_str().expect("a name").to_owned();
        let dependencies = package["dependencies"].as_array().expect("a list");
        let direct = dependencies
            .iter()
            .filter(|dependency| dependency["kind"] != "dev");
        let names = direct.filter_map(|dependency| dependency["name"].as_str());
        (name, names.map(str::to_owned).collect())
    });
    facts.collect()
}

#[test]
fn dependencies_only_go_down() {
    let found = dependencies();
    let ours: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    for (name, dependencies) in &found {
        let may = allowed
            .get(name.as_str())
            .unwrap_or_else(|| panic!("{name} is not in the list of crates and what they may use"));
        for dependency in dependencies
            .iter()
            .filter(|name| ours.contains(name.as_str()))
        {
            assert!(
                may.contains(&dependency.as_str()),
                "{name} may not depend on {dependency}"
            );
        }
    }
    for (name, _) in ALLOWED {
        assert!(ours.contains(name), "{name} is listed and is no crate");
    }
}

#[test]
fn heavy_crates_stay_at_the_edge() {
    for (name, dependencies) in dependencies() {
        for (heavy, users) in CONFINED {
            let uses = dependencies.contains(*heavy);
            assert!(
                !uses || users.contains(&name.as_str()),
                "{name} may not depend on {heavy}"
            );
        }
        if WITHOUT_BURN.contains(&name.as_str()) {
            let burn = dependencies
                .iter()
                .find(|dependency| dependency.starts_with("burn"));
            assert!(
                burn.is_none(),
                "{name} knows no tensors and may not depend on {burn:?}"
            );
        }
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let root = root();
    let mut paths = Vec::new();
    rust_files(&root.join("crates"), &mut paths);
    assert!(paths.len() > 50, "only {} sources were found", paths.len());
    let mut sources: Vec<_> = paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("UTF-8");
            let name = path.strip_prefix(&root).expect("below the root");
            (name.to_string_lossy().replace('\\', "/"), text)
        })
        .collect();
    sources.sort();
    sources
}

#[test]
fn files_are_short() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(name, text)| (text.lines().count(), name))
        .filter(|(lines, _)| *lines > MOST_LINES)
        .collect();
    assert!(long.is_empty(), "longer than {MOST_LINES} lines: {long:?}");
}

#[test]
fn only_the_ui_prints() {
    // Written apart so that this file is not its own first finding.
    let forbidden = ["print", "eprint"].map(|name| [format!("{name}!("), format!("{name}ln!(")]);
    for (name, text) in sources() {
        let library = name.contains("/src/") && !name.starts_with("crates/testkit/");
        let build_script = name.ends_with("/build.rs");
        if !library || build_script || name.starts_with("crates/xp/src/ui/") {
            continue;
        }
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for (number, line) in code.enumerate() {
            let prints = forbidden
                .iter()
                .flatten()
                .any(|call| line.contains(call.as_str()));
            assert!(
                !prints,
                "{name}: prints outside the ui (line {} of code): {line}",
                number + 1
            );
        }
    }
}
