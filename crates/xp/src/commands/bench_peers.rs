//! `xp bench peers`: speed against programs that do the same work.

use std::time::Duration;

use kernels::Precision;
use peers::{Event, Options, PeersError, table};
use runstore::tables::PeerRow;

use crate::{
    cli::PeersArgs,
    device::DeviceChoice,
    exit::{Exit, Expected},
    ui::{self, Align},
};

pub(super) fn run(args: &PeersArgs) -> Result<Exit, Expected> {
    let choice: DeviceChoice = args.device.parse()?;
    let options = options(args, choice);
    super::compute_with(Some(options.threads))?;
    let device = choice.open()?;
    let rows = peers::run(&options, &device, &mut tell)?;

    let folder = args.results.join("peers");
    let folder = folder.join(format!("{}-{}", options.scale, choice.label()));
    runstore::update_benchmark(&folder, |before| {
        let kept = carry_over(before, &rows);
        let text = table::markdown(&kept);
        (kept, vec![("peers.md".to_owned(), text)])
    })?;
    if args.json {
        ui::json(&rows);
    } else {
        let header = table::COLUMNS.map(|(name, number)| {
            let align = if number { Align::Right } else { Align::Left };
            (name, align)
        });
        ui::data(&ui::plain_table(
            &header,
            rows.iter().map(table::cells).collect(),
        ));
        ui::data(&format!("\n{}\n", table::findings(&rows).join("\n")));
        ui::data(&format!(
            "table: {}",
            folder.join("peers.parquet").display()
        ));
    }
    let wrong = |row: &PeerRow| row.status == "disagrees" || row.status == "failed";
    Ok(if rows.iter().any(wrong) {
        Exit::TrialFailed
    } else {
        Exit::Done
    })
}

fn options(args: &PeersArgs, choice: DeviceChoice) -> Options {
    let named = || std::env::var("SWITCHYARD_PYTHON").ok();
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let precision = |name: &String| match name.as_str() {
        "bf16" => Precision::BF16,
        _ => Precision::F32,
    };
    Options {
        provenance: crate::built::provenance(),
        scale: args.scale,
        only: args.only.clone(),
        variants: args.variant.clone(),
        precisions: args.precision.iter().map(precision).collect(),
        samples: args.samples.into(),
        warmup: args.warmup.into(),
        pause: Duration::from_millis(args.pause.into()),
        threads: args.threads.map_or_else(cores, usize::from),
        python: args
            .python
            .clone()
            .or_else(named)
            .unwrap_or_else(|| "python3".to_owned()),
        programs: args.programs.clone(),
        device: choice.to_string(),
        work: args.work.join("peers"),
        patience: Duration::from_secs(args.patience.into()),
    }
}

/// Rows from before that were not compared again, then the new ones. A program that this run left
/// out of a case stays with the rows of the case that it was timed in.
fn carry_over(before: Vec<PeerRow>, rows: &[PeerRow]) -> Vec<PeerRow> {
    let again = |old: &PeerRow| {
        rows.iter().any(|new| {
            (&new.case, &new.precision, &new.variant) == (&old.case, &old.precision, &old.variant)
        })
    };
    let old = before.into_iter().filter(|old| !again(old));
    let mut all: Vec<PeerRow> = old.chain(rows.iter().cloned()).collect();
    all.sort_by(|a, b| {
        (&a.case, &a.precision, &a.variant).cmp(&(&b.case, &b.precision, &b.variant))
    });
    all
}

fn tell(event: Event<'_>) {
    match event {
        Event::Found { torch } => ui::say(&format!("PyTorch {torch}")),
        Event::Case { name, precision } => ui::say(&format!("{name} {precision}")),
        Event::Checked { variant, text } => ui::say(&format!("  {variant}: {text}")),
        Event::Done(row) => {
            if let (Some(ours), Some(theirs)) = (row.ours_ms, row.theirs_ms) {
                let variant = &row.variant;
                ui::say(&format!(
                    "  {variant}: {ours:.2} ms ours, {theirs:.2} ms theirs"
                ));
            }
        }
    }
}

impl From<PeersError> for Expected {
    fn from(error: PeersError) -> Self {
        let exit = match &error {
            PeersError::NoPython { .. }
            | PeersError::NoPackage { .. }
            | PeersError::NoLlama { .. }
            | PeersError::NoProgram(_) => Exit::Missing,
            PeersError::NothingSelected { .. } => Exit::Nothing,
            PeersError::NoCounterpart(_) => Exit::Usage,
            PeersError::File { .. } => Exit::Store,
            _ => Exit::TrialFailed,
        };
        Self::new(exit, error.to_string(), error.help())
    }
}
