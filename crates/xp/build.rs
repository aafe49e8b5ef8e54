//! Notes the commit that the program is built from, for the provenance of results.
//!
//! It is noted now and not asked for when the program runs: by then the checkout may be elsewhere.
//! A source that differs from its commit is looked at again when something is committed.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// What the program is made of, from the root of the checkout.
const SOURCES: [&str; 3] = ["crates", "Cargo.toml", "Cargo.lock"];

fn main() {
    println!("cargo::rerun-if-env-changed=SWITCHYARD_GIT_SHA");
    let own = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let root = own.join("../..");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    if let Ok(commit) = env::var("SWITCHYARD_GIT_SHA") {
        note(&commit, false);
        return;
    }
    // Unpacked inside some other repository, the answer would be that one's.
    if !root.join(".git").exists() {
        return;
    }
    let Some(commit) = git(&root, &["rev-parse", "HEAD"]) else {
        return;
    };
    let mut status = vec!["status", "--porcelain", "--"];
    status.extend(SOURCES);
    let dirty = git(&root, &status).is_none_or(|changes| !changes.is_empty());
    if dirty && let Some(log) = git(&root, &["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={}", root.join(log).display());
    }
    note(&commit, dirty);
}

fn note(commit: &str, dirty: bool) {
    println!("cargo::rustc-env=SWITCHYARD_COMMIT={commit}");
    println!("cargo::rustc-env=SWITCHYARD_COMMIT_DIRTY={dirty}");
}

fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    // Without optional locks a status never disturbs a commit that is being made.
    let output = Command::new("git")
        .arg("--no-optional-locks")
        .arg("-C")
        .arg(root)
        .args(arguments)
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}
