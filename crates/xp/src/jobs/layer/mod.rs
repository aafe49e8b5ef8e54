//! The `layer` job: what a forward and a backward pass of one MoE layer cost.

mod bench;
mod job;
mod settings;

use std::num::NonZeroUsize;

use std::sync::atomic::Ordering;

use burn::tensor::Tensor;
use metrics::{speed, statistics};
use moe_layer::{MoeLayer, MoeOutput};
use runstore::tables::TrialRow;

use self::bench::{Bench, Inputs, Phases};
pub(crate) use self::settings::LayerSettings;
use super::{
    context::{Event, JobContext, JobEnd, JobError, Sizes},
    measures::RoutingMeasures,
};

/// Parameters of the layer that the settings describe.
fn sizes(settings: &LayerSettings) -> Sizes {
    let LayerSettings {
        layer, moe, router, ..
    } = settings;
    let sizes = MoeLayer::sizes(
        moe,
        router,
        layer.dim.get(),
        layer.tokens.get() / layer.sequences.get(),
    );
    Sizes {
        params_total: sizes.total,
        params_active: sizes.active,
        params_router: sizes.router,
    }
}

/// Runs a trial of `job = "layer"`.
///
/// One repetition is: forward, backward, and the optimiser's update where it is asked for, each
/// between two waits for the device. Routing is timed once more by itself.
fn run(mut cx: JobContext<'_>, settings: &LayerSettings) -> Result<JobEnd, JobError> {
    let mut bench = Bench::new(settings, cx.seed, &cx.device, &mut Inputs::default())?;
    let (warmup, timed) = (settings.layer.warmup, settings.layer.iterations.get());
    (cx.events)(Event::Started {
        steps: warmup + timed,
        done: 0,
    });
    let mut samples = Vec::with_capacity(timed);
    for repetition in 0..warmup + timed {
        if cx.stop.load(Ordering::Relaxed) {
            return Ok(JobEnd::Interrupted { step: 0 });
        }
        let phases = bench.phases()?;
        if repetition >= warmup {
            samples.push(phases);
        }
        (cx.events)(Event::Progress {
            step: repetition + 1,
            steps: warmup + timed,
            loss: None,
            tokens_per_s: speed::tokens_per_second(
                settings.layer.tokens.get() as u64,
                phases.step(),
            ),
            drop_rate: None,
        });
    }
    cx.multiplies_in(settings.layer.precision);
    let mut row = std::mem::take(&mut cx.row);
    let wide = settings.moe.dense_experts().map_or(1, NonZeroUsize::get);
    size(&mut row, settings);
    let output = bench.forward();
    if !is_finite(&output.y_td) {
        // Experts that are chosen by what is no number say nothing of routing or speed.
        row.error = Some("the layer's outputs are not finite".to_owned());
        return Ok(JobEnd::Diverged(runstore::TrialRecord {
            trial: row,
            ..runstore::TrialRecord::default()
        }));
    }
    let kept = routing(&mut row, &output, wide);
    let flops = {
        let expert = settings.moe.expert_dims(settings.layer.dim.get());
        let shared = settings.moe.shared.as_ref();
        let shared = shared.map_or(0, |shared| shared.hidden.get()) as u64;
        let of = |rows, hidden| {
            let matrices = expert.kind.matrices() as u64;
            speed::expert_flops(rows, expert.width as u64, hidden, matrices)
        };
        of(kept, (expert.hidden * wide) as u64) + of(settings.layer.tokens.get() as u64, shared)
    };
    times(
        &mut row,
        &samples,
        settings.layer.tokens.get() as u64,
        flops,
    );
    Ok(JobEnd::Finished(runstore::TrialRecord {
        trial: row,
        ..runstore::TrialRecord::default()
    }))
}

/// The columns of the routing, which every repetition repeats, with an expert of so many widths F;
/// gives the assignments that were kept.
fn routing(row: &mut TrialRow, output: &MoeOutput, wide: usize) -> u64 {
    row.capacity = output.rounds[0]
        .plan
        .capacity
        .map(|capacity| capacity as u64);
    let reading = output.trace().read();
    let kept: f64 = reading.assignments_after.iter().sum();
    RoutingMeasures::of(&[reading], wide as f64).fill_trial(row);
    kept.round() as u64
}

fn is_finite(y_td: &Tensor<2>) -> bool {
    let numbers = y_td.to_data();
    numbers.iter::<f32>().all(f32::is_finite)
}

fn size(row: &mut TrialRow, settings: &LayerSettings) {
    let sizes = sizes(settings);
    row.params_total = Some(sizes.params_total as u64);
    row.params_active = Some(sizes.params_active as u64);
    row.params_router = Some(sizes.params_router as u64);
    // Parameters are f32 in any precision.
    row.param_bytes = Some((sizes.params_total * size_of::<f32>()) as u64);
}

/// The columns of the clock.
fn times(row: &mut TrialRow, samples: &[Phases], tokens: u64, flops: u64) {
    let seconds = |of: &dyn Fn(&Phases) -> Option<f64>| -> Vec<f64> {
        samples.iter().filter_map(of).collect()
    };
    let spread = |seconds: &[f64]| {
        [0.5, 0.1, 0.9].map(|q| statistics::quantile(seconds, q).map(|seconds| seconds * 1e3))
    };
    let steps = seconds(&|phases| Some(phases.step()));
    let forward = seconds(&|phases| Some(phases.forward));
    let routing = seconds(&|phases| Some(phases.routing));
    [row.step_ms_median, row.step_ms_p10, row.step_ms_p90] = spread(&steps);
    [
        row.forward_ms_median,
        row.forward_ms_p10,
        row.forward_ms_p90,
    ] = spread(&forward);
    [
        row.backward_ms_median,
        row.backward_ms_p10,
        row.backward_ms_p90,
    ] = spread(&seconds(&|phases| Some(phases.backward)));
    [row.update_ms_median, row.update_ms_p10, row.update_ms_p90] =
        spread(&seconds(&|phases| phases.update));
    [
        row.routing_ms_median,
        row.routing_ms_p10,
        row.routing_ms_p90,
    ] = spread(&routing);
    row.routing_share = statistics::median(&routing)
        .zip(statistics::median(&forward))
        .and_then(|(routing, forward)| speed::share(routing, forward));
    row.step_flops = Some(flops);
    if let Some(median) = statistics::median(&steps) {
        row.tokens_per_s = speed::tokens_per_second(tokens, median);
        row.gflop_per_s = speed::gigaflops_per_second(flops, median);
    }
}
