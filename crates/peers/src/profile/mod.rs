//! Where the time of TinyMoE's training step goes on the CPU, from the spans that the step itself opens.
//!
//! Steps that are listened to and steps that are not take turns, so that what listening costs is seen. An
//! operation's work is counted from its shapes; what ran outside of all operations (sums, views, the graph of
//! the backward pass) is the own time of the part around it.

mod listener;
mod rates;
mod rows;
pub mod table;
mod tree;

use burn::tensor::Device;
use kernels::Precision;
use runstore::{Provenance, tables::ProfileRow};

use self::listener::Ear;
pub(crate) use self::rates::Rates;
use crate::{
    PeersError, Scale,
    cases::{Setting, Step},
    compare::{load_average, timed},
    process::page_faults,
    scale::ModelSizes,
};

/// What is asked of a profile.
#[derive(Debug, Clone)]
pub struct ProfileOptions {
    /// How large the model is.
    pub scale: Scale,
    /// Whether anybody listens: without it only whole steps are timed.
    pub listen: bool,
    /// Steps of either kind.
    pub steps: usize,
    /// Steps before those.
    pub warmup: usize,
    /// Threads. They must have been set before anything computes.
    pub threads: usize,
    /// This program and this machine.
    pub provenance: Provenance,
}

/// What some steps came to.
struct Measured {
    tree: tree::Tree,
    /// Seconds of the steps that were listened to, and of the others.
    heard: Vec<f64>,
    plain: Vec<f64>,
    /// Page faults of the others.
    page_faults: Option<u64>,
}

/// Takes steps on the CPU at a precision: a row for each span, the whole step first.
///
/// # Errors
///
/// When the device fails.
pub fn profile(
    options: &ProfileOptions,
    precision: Precision,
    device: &Device,
) -> Result<Vec<ProfileRow>, PeersError> {
    let started_at = runstore::now();
    let load_before = load_average();
    let sizes = ModelSizes::at(options.scale);
    let setting = Setting {
        device: device.clone(),
        precision: precision.on(device),
    };
    let rates = Rates::measure(device, setting.precision)?;
    let mut step = Step::new(&sizes, &setting);
    for _ in 0..options.warmup {
        timed(device, || step.update()).map_err(PeersError::Device)?;
    }
    let measured = measure(options, &mut step, device)?;
    let facts = rows::Facts {
        options,
        asked: precision,
        ours: setting.precision,
        tokens: sizes.tokens(),
        rates,
        started_at,
        load: [load_before, load_average()],
    };
    Ok(rows::rows(&facts, &measured))
}

/// Where the time of any step on the CPU goes: a row for each span of so many of them, the whole step first.
pub(crate) fn spans(steps: usize, rates: Rates, mut step: impl FnMut()) -> Vec<ProfileRow> {
    let ear = Ear::default();
    for _ in 0..steps {
        ear.hear(|| kernels::part!("step", step()));
    }
    let common = ProfileRow {
        product_gflop_per_s: Some(rates.flop_per_s / 1e9),
        copy_gb_per_s: Some(rates.byte_per_s / 1e9),
        ..ProfileRow::default()
    };
    rows::spans(&ear.tree(), steps, &common)
}

fn measure(
    options: &ProfileOptions,
    step: &mut Step,
    device: &Device,
) -> Result<Measured, PeersError> {
    let ear = Ear::default();
    let (mut heard, mut plain) = (Vec::new(), Vec::new());
    let mut faults = Some(0);
    for _ in 0..options.steps {
        let before = page_faults();
        plain.push(timed(device, || step.update()).map_err(PeersError::Device)?);
        let more = page_faults()
            .zip(before)
            .map(|(after, before)| after - before);
        faults = faults.zip(more).map(|(faults, more)| faults + more);
        if options.listen {
            let mut whole = || kernels::part!("step", step.update());
            let seconds = ear.hear(|| timed(device, &mut whole));
            heard.push(seconds.map_err(PeersError::Device)?);
        }
    }
    Ok(Measured {
        tree: ear.tree(),
        heard,
        plain,
        page_faults: faults,
    })
}
