//! The `router` job: what one untrained router does with given hidden states, and what it costs.

mod bert;
mod data_rules;
mod hidden;
mod job;
mod measures;
mod passages;
mod samples;
mod settings;

use std::sync::atomic::Ordering;

use burn::tensor::Device;
use metrics::{speed, statistics};
use moe_layer::{LayerDims, MoeLayer};
use routers::RouterConfig;
use runstore::TrialRecord;
use runstore::tables::TrialRow;

pub(crate) use self::settings::RouterSettings;
use self::{
    hidden::{Batch, Hidden},
    measures::Observed,
    settings::SourceConfig,
};
use super::{
    clock::timed_on,
    context::{Event, JobContext, JobEnd, JobError, Sizes},
    measures::expert_rows,
    random::named_seed,
};

/// Progress is told this often at most, so that telling it does not disturb short runs.
const TOLD: usize = 20;

/// Parameters of router and experts, where the width is known before the source is read.
fn sizes(settings: &RouterSettings) -> Option<Sizes> {
    match &settings.hidden.source {
        SourceConfig::Random(random) => Some(sizes_at(settings, random.width.get())),
        SourceConfig::Bert(_) => None,
    }
}

/// The hidden states that the settings ask for.
fn hidden(cx: &JobContext<'_>, settings: &RouterSettings) -> Result<Hidden, JobError> {
    match &settings.hidden.source {
        SourceConfig::Random(random) => {
            let tokens = settings.hidden.tokens.get();
            let (width, vocab) = (random.width.get(), random.vocab.get());
            Ok(Hidden::random(tokens, width, vocab, cx.seed))
        }
        SourceConfig::Bert(source) => bert::read(cx, settings, source),
    }
}

fn sizes_at(settings: &RouterSettings, width: usize) -> Sizes {
    let sizes = MoeLayer::sizes(
        &settings.moe,
        &settings.router,
        width,
        settings.hidden.shape.length.get(),
    );
    Sizes {
        params_total: sizes.total,
        params_active: sizes.active,
        params_router: sizes.router,
    }
}

/// What a trial of this job is called: its scorer, or its strategy where that scores nothing.
fn router_name(router: &RouterConfig) -> &'static str {
    if router.strategy.rules().facts().needs_scores {
        router.scorer.name()
    } else {
        router.strategy.name()
    }
}

/// Runs a trial of `job = "router"`.
///
/// Nothing is trained and no gradient is kept. All runs of the router come before all runs of
/// router and experts, each after a warm-up of its own, so that the experts' weights do not push
/// the router's out of the caches. Then every token is routed once more, off the clock, and
/// measured.
fn run(mut cx: JobContext<'_>, settings: &RouterSettings) -> Result<JobEnd, JobError> {
    let hidden = hidden(&cx, settings)?;
    let layer = build(&cx, settings, &hidden)?;
    let batches = hidden.batches(settings, cx.seed, &cx.device);
    let runs = settings.measure.warmup + settings.measure.runs.get();
    (cx.events)(Event::Started {
        steps: 2 * runs,
        done: 0,
    });
    if !hidden.is_finite(settings) {
        let mut row = std::mem::take(&mut cx.row);
        describe(&mut row, settings, &hidden, &cx.device);
        return Ok(diverged(
            row,
            "the hidden states, scaled, are not finite in f32",
        ));
    }
    let Some(router_s) = timed_runs(&mut cx, settings, 0, &batches, |batch| {
        let _ = layer.route(&batch.x_td, &batch.context);
        None
    })?
    else {
        return Ok(JobEnd::Interrupted { step: 0 });
    };
    let Some(layer_s) = timed_runs(&mut cx, settings, runs, &batches, |batch| {
        Some(layer.forward(batch.x_td.clone(), &batch.context).y_td)
    })?
    else {
        return Ok(JobEnd::Interrupted { step: 0 });
    };

    let mut row = std::mem::take(&mut cx.row);
    describe(&mut row, settings, &hidden, &cx.device);
    times(&mut row, settings, &router_s, &layer_s);
    let observed = Observed::of(&layer, &batches, settings.measure.sample);
    if !observed.is_finite() {
        return Ok(diverged(row, "the router's logits are not finite"));
    }
    observed.fill(&mut row, settings.measure.alpha.get());
    row.experts_used = row
        .dead_experts
        .zip(row.experts)
        .map(|(dead, experts)| 1.0 - dead / experts as f64);
    let outputs = layer_s.outputs.as_slice();
    let whole = outputs.iter().all(|output| output.is_finite());
    if let Some((mean, std)) = statistics::moments(outputs).filter(|_| whole) {
        (row.output_mean, row.output_std) = (Some(mean), Some(std));
    }
    let mut histograms = vec![("router-probability", observed.probs.as_slice())];
    histograms.extend(whole.then_some(("layer-output", outputs)));
    let bins = settings.measure.bins.get();
    let record = TrialRecord {
        experts: expert_rows(0, std::slice::from_ref(&observed.reading)),
        probabilities: samples::probabilities(&observed, &hidden, settings.measure.sample),
        histograms: samples::histograms(&histograms, bins),
        trial: row,
        ..TrialRecord::default()
    };
    if whole {
        return Ok(JobEnd::Finished(record));
    }
    // The router did its work: what is measured of it stands.
    Ok(diverged_with(record, "the experts' outputs are not finite"))
}

/// The end of a trial whose numbers stopped being finite before anything of the routing was measured.
fn diverged(trial: TrialRow, why: &str) -> JobEnd {
    let record = TrialRecord {
        trial,
        ..TrialRecord::default()
    };
    diverged_with(record, why)
}

fn diverged_with(mut record: TrialRecord, why: &str) -> JobEnd {
    record.trial.error = Some(why.to_owned());
    JobEnd::Diverged(record)
}

/// The layer on its device, without gradients.
fn build(
    cx: &JobContext<'_>,
    settings: &RouterSettings,
    hidden: &Hidden,
) -> Result<MoeLayer, JobError> {
    let dims = LayerDims {
        seed: cx.seed,
        ..LayerDims::new(hidden.width, hidden.vocab)
    };
    let layer = trainer::initialise(named_seed(cx.seed, "init"), &cx.device, |device| {
        MoeLayer::new(&settings.moe, &settings.router, &dims, device)
    })
    .map_err(|error| JobError::Unsupported(error.to_string()))?;
    Ok(match &hidden.experts {
        Some(experts) => layer.with_experts(experts.clone()),
        None => layer,
    })
}

/// Seconds of the runs that count, and the outputs of those that saw a batch for the first time.
struct Timed {
    seconds: Vec<f64>,
    outputs: Vec<f32>,
}

/// Times `work` on the batches in turn; `None` when the trial was told to stop.
fn timed_runs(
    cx: &mut JobContext<'_>,
    settings: &RouterSettings,
    done: usize,
    batches: &[Batch],
    work: impl Fn(&Batch) -> Option<burn::tensor::Tensor<2>>,
) -> Result<Option<Timed>, JobError> {
    let (warmup, runs) = (settings.measure.warmup, settings.measure.runs.get());
    let steps = 2 * (warmup + runs);
    let mut timed = Timed {
        seconds: Vec::with_capacity(runs),
        outputs: Vec::new(),
    };
    for run in 0..warmup + runs {
        if cx.stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let batch = &batches[run % batches.len()];
        let (output, seconds) = timed_on(&cx.device, || work(batch))?;
        if run < batches.len()
            && let Some(y_td) = output
        {
            timed.outputs.extend(y_td.into_data().iter::<f32>());
        }
        if run >= warmup {
            timed.seconds.push(seconds);
        }
        if (done + run + 1).is_multiple_of(steps.div_ceil(TOLD)) {
            (cx.events)(Event::Progress {
                step: done + run + 1,
                steps,
                loss: None,
                tokens_per_s: speed::tokens_per_second(
                    settings.hidden.shape.tokens() as u64,
                    seconds,
                ),
                drop_rate: None,
            });
        }
    }
    Ok(Some(timed))
}

/// The columns that follow from settings and source.
fn describe(row: &mut TrialRow, settings: &RouterSettings, hidden: &Hidden, device: &Device) {
    let sizes = sizes_at(settings, hidden.width);
    row.params_total = Some(sizes.params_total as u64);
    row.params_active = Some(sizes.params_active as u64);
    row.params_router = Some(sizes.params_router as u64);
    row.param_bytes = Some((sizes.params_total * size_of::<f32>()) as u64);
    row.dim = Some(hidden.width as u64);
    row.ffn_dim = Some(match &hidden.experts {
        Some(experts) => experts.dims().hidden as u64,
        None => settings.moe.hidden(hidden.width) as u64,
    });
    row.vocab = Some(hidden.vocab as u64);
    row.expert_init = Some(if hidden.experts.is_some() {
        "copied".to_owned()
    } else {
        "random".to_owned()
    });
    let wanted = settings.measure.precision.on(device);
    row.precision = Some(wanted.name().to_owned());
    if settings.router.strategy.rules().facts().needs_scores {
        let dims =
            MoeLayer::router_dims(&settings.moe, &LayerDims::new(hidden.width, hidden.vocab));
        row.router_flops = Some(settings.router.scorer.rules().flops(&dims) as u64);
    }
}

/// The columns of the clock.
fn times(row: &mut TrialRow, settings: &RouterSettings, router: &Timed, layer: &Timed) {
    let spread = |seconds: &[f64]| {
        [0.5, 0.1, 0.9].map(|q| statistics::quantile(seconds, q).map(|seconds| seconds * 1e3))
    };
    [row.router_ms_median, row.router_ms_p10, row.router_ms_p90] = spread(&router.seconds);
    [
        row.forward_ms_median,
        row.forward_ms_p10,
        row.forward_ms_p90,
    ] = spread(&layer.seconds);
    let tokens = settings.hidden.shape.tokens() as u64;
    row.tokens_per_s = statistics::median(&layer.seconds)
        .and_then(|seconds| speed::tokens_per_second(tokens, seconds));
}
