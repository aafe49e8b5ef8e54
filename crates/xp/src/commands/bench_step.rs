//! `xp bench step`: where the time of a training step goes.

use kernels::Precision;
use peers::{ProfileOptions, profile, profile::table};
use runstore::tables::ProfileRow;

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
    let mut rows = Vec::new();
    for precision in &args.precision {
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
        keep(args, &rows)?;
    }
    Ok(Exit::Done)
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
fn keep(args: &StepArgs, rows: &[ProfileRow]) -> Result<(), Expected> {
    let folder = args.results.join("profile");
    let folder = folder.join(format!("{}-{}", args.scale, DeviceChoice::Cpu.label()));
    runstore::update_benchmark(&folder, |before: Vec<ProfileRow>| {
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
