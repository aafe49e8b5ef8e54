//! `xp bench step`: where the time of a training step goes.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use kernels::Precision;
use peers::{ProfileOptions, profile, profile::table};
use runstore::{ResultsWriter, tables::ProfileRow};

use crate::{
    cli::StepArgs,
    device::DeviceChoice,
    exit::{Exit, Expected},
    ui::{self, Align},
};

pub(super) fn run(args: &StepArgs) -> Result<Exit, Expected> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let options = ProfileOptions {
        scale: args.scale,
        listen: args.profile,
        steps: args.steps.into(),
        warmup: args.warmup.into(),
        threads: args.threads.map_or_else(cores, usize::from),
        provenance: crate::built::provenance(),
    };
    super::compute_with(Some(options.threads))?;
    let device = DeviceChoice::Cpu.open()?;
    let folder = folder(args);
    if args.profile {
        // What cannot be written is found before anything is measured.
        drop(ResultsWriter::create(&folder)?);
    }
    let mut rows = Vec::new();
    let precisions: BTreeSet<&String> = args.precision.iter().collect();
    for precision in precisions {
        let own = profile(&options, asked(precision), &device)?;
        if !args.json {
            show(&own, args.profile);
        }
        rows.extend(own);
    }
    if args.json {
        ui::json(&rows);
    }
    if args.profile {
        keep(&folder, &rows)?;
    }
    Ok(Exit::Done)
}

fn folder(args: &StepArgs) -> PathBuf {
    let folder = args.results.join("profile");
    folder.join(format!("{}-{}", args.scale, DeviceChoice::Cpu.label()))
}

fn asked(name: &str) -> Precision {
    match name {
        "bf16" => Precision::BF16,
        _ => Precision::F32,
    }
}

fn show(rows: &[ProfileRow], listened: bool) {
    ui::data(&format!("{}\n", table::sentence(rows)));
    if listened {
        operations(rows);
    }
}

/// Operations, the longest first.
pub(super) fn operations(rows: &[ProfileRow]) {
    let header = table::COLUMNS.map(|(name, number)| {
        let align = if number { Align::Right } else { Align::Left };
        (name, align)
    });
    ui::data(&ui::plain_table(&header, table::operations(rows)));
}

/// Puts the table, a text and a drawing for each precision into the results; those of other precisions stay.
fn keep(folder: &Path, rows: &[ProfileRow]) -> Result<(), Expected> {
    runstore::update_benchmark(folder, |before: Vec<ProfileRow>| {
        let again = |old: &ProfileRow| rows.iter().any(|new| new.precision == old.precision);
        let kept = before.into_iter().filter(|old| !again(old));
        let mut all: Vec<ProfileRow> = kept.chain(rows.iter().cloned()).collect();
        all.sort_by(|a, b| (&a.precision, a.place).cmp(&(&b.precision, b.place)));
        let mut files = vec![("profile.md".to_owned(), table::markdown(&all))];
        for own in all.chunk_by(|a, b| a.precision == b.precision) {
            let name = format!("step_{}.svg", own[0].precision);
            files.push((name, report::flame(own)));
        }
        (all, files)
    })?;
    ui::say(&folder.join("profile.md").display().to_string());
    Ok(())
}
