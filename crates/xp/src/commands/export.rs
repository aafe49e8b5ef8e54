//! `xp export`: results in the formats of other programs.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use export::{File, Folder, csv, tensorboard};
use serde::Serialize;

use crate::{
    cli::{ExportArgs, Format},
    exit::{Exit, Expected},
    found::results_folder,
    jobs::short_names,
    ui,
};

/// Where exports go that name no folder.
const USUAL: &str = "export";

#[derive(Serialize)]
struct Exported {
    folder: PathBuf,
    /// How many files each format has.
    files: BTreeMap<&'static str, usize>,
}

pub(super) fn run(args: &ExportArgs) -> Result<Exit, Expected> {
    let from = results_folder(&args.from, &args.lookup)?;
    let mut collected = runstore::read_results(&from)?;
    let cells = report::name_cells(&mut collected, short_names);
    let formats: BTreeSet<Format> = args.format.iter().copied().collect();
    let made = formats.into_iter().map(|format| match format {
        Format::Csv => ("csv", csv::files(&collected, &cells)),
        Format::TensorBoard => ("tensorboard", tensorboard::files(&collected, &cells)),
    });
    let made: Vec<(&'static str, Vec<File>)> = made.collect();
    if let Some((format, _)) = made.iter().find(|(_, files)| files.is_empty()) {
        return Err(Expected::new(
            Exit::Nothing,
            format!(
                "{}: nothing to write as {format}: no trial logged steps",
                from.display()
            ),
            "take --format csv, which has every table",
        ));
    }
    let folder = args.out.clone().unwrap_or_else(|| usual_folder(&from));
    let out = Folder::new(&folder);
    let mut files = BTreeMap::new();
    for (format, made) in made {
        files.insert(format, out.put(format, made)?);
    }
    let exported = Exported { folder, files };
    if args.json {
        ui::json(&exported);
    } else {
        tell(&exported);
    }
    Ok(Exit::Done)
}

/// `export/unified/cpu-cpu` for `results/unified/cpu-cpu`.
fn usual_folder(from: &Path) -> PathBuf {
    let mut names: Vec<_> = from.components().rev().take(2).collect();
    names.reverse();
    let plain = names.iter().filter_map(|name| match name {
        std::path::Component::Normal(name) => Some(name),
        _ => None,
    });
    Path::new(USUAL).join(plain.collect::<PathBuf>())
}

fn tell(exported: &Exported) {
    for (format, count) in &exported.files {
        let folder = exported.folder.join(format);
        let files = if *count == 1 { "file" } else { "files" };
        ui::data(&format!(
            "{format}: {count} {files} in {}",
            folder.display()
        ));
        if *format == "tensorboard" {
            ui::say(&format!(
                "look at it with: tensorboard --logdir {}",
                folder.display()
            ));
        }
    }
}
