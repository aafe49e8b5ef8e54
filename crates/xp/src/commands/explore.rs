//! `xp explore`: one page of results folders to look at routing with.

use std::{
    fs,
    path::{Path, PathBuf},
};

use explore::{PAGE, Sweep};
use runstore::{Collected, Manifest, read_manifest, read_results};

use crate::{
    cli::ExploreArgs,
    exit::{Exit, Expected},
    jobs::short_names,
    ui,
};

/// Folders of a results folder's kind stand at most so deep: `results/<sweep>/<scale>-<device>`.
const DEPTH: usize = 2;

/// Where results stand that answered another question.
const ASIDE: &str = "before";

/// What may be named.
const WHICH_FOLDER: &str = "name a folder such as results/unified/cpu-cpu, or one of such folders";

/// Writes the page and says where it is.
pub(super) fn run(args: &ExploreArgs) -> Result<Exit, Expected> {
    let folders = results_folders(&args.folders)?;
    let tables = folders.iter().map(|folder| read(folder));
    let tables: Vec<(Collected, Manifest)> = tables.collect::<Result<_, _>>()?;
    let sweeps = tables.iter().map(|(collected, manifest)| Sweep {
        collected,
        manifest,
        naming: short_names,
    });
    let sweeps: Vec<Sweep<'_>> = sweeps.collect();
    let page = explore::page(&sweeps).map_err(|error| {
        let text = error.to_string();
        let (message, help) = text.split_once("; ").unwrap_or((&text, "report it"));
        Expected::new(Exit::Nothing, message, help)
    })?;
    let path = match &args.out {
        Some(path) => path.clone(),
        None => above_all(&args.folders).join(PAGE),
    };
    refuse_foreign(&path)?;
    fs::write(&path, page).map_err(|source| {
        let message = format!("write {}: {source}", path.display());
        Expected::new(
            Exit::Store,
            message,
            "name a file that can be written with --out",
        )
    })?;
    ui::data(&format!("{}\n", path.display()));
    Ok(Exit::Done)
}

/// A page is written over an earlier one alone, never over anything else.
fn refuse_foreign(path: &Path) -> Result<(), Expected> {
    match fs::read(path) {
        Ok(bytes) if !explore::is_page(&bytes) => Err(Expected::new(
            Exit::Store,
            format!("{} is there and is no page of `xp explore`", path.display()),
            "name another file with --out, or move that one away",
        )),
        _ => Ok(()),
    }
}

fn read(folder: &Path) -> Result<(Collected, Manifest), Expected> {
    Ok((read_results(folder)?, read_manifest(folder)?))
}

/// The results folders that are meant: those that are named, and those below a folder of them, by name.
fn results_folders(named: &[PathBuf]) -> Result<Vec<PathBuf>, Expected> {
    let mut all = Vec::new();
    for folder in named {
        let mut found = Vec::new();
        collect(folder, DEPTH, &mut found)?;
        if found.is_empty() {
            return Err(Expected::new(
                Exit::Store,
                format!("{} holds no trials.parquet", folder.display()),
                WHICH_FOLDER,
            ));
        }
        // One that is named twice is shown once.
        found.retain(|folder| !all.contains(folder));
        all.append(&mut found);
    }
    Ok(all)
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Expected> {
    if folder.join("trials.parquet").exists() {
        found.push(folder.to_owned());
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    let failed = |source: std::io::Error| {
        let message = format!("read {}: {source}", folder.display());
        Expected::new(Exit::Store, message, WHICH_FOLDER)
    };
    let mut below = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != ASIDE) {
            below.push(path);
        }
    }
    below.sort();
    below
        .iter()
        .try_for_each(|folder| collect(folder, depth - 1, found))
}

/// The folder that holds all of these: of one, itself.
fn above_all(folders: &[PathBuf]) -> PathBuf {
    let mut common = folders[0].clone();
    while !folders.iter().all(|folder| folder.starts_with(&common)) && common.pop() {}
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_stands_in_the_nearest_folder_of_all() {
        let above =
            |folders: &[&str]| above_all(&folders.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(
            above(&["results/a/cpu-cpu"]),
            Path::new("results/a/cpu-cpu")
        );
        assert_eq!(
            above(&["results/a/cpu-cpu", "results/b/cpu-cpu"]),
            Path::new("results")
        );
        assert_eq!(above(&["a/cpu", "b/cpu"]), Path::new(""));
    }
}
