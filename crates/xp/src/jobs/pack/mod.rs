//! The `pack` job: what capacity costs when tokens move to expert buffers and back, without
//! experts in between.

mod job;
mod loads;
mod settings;

use std::sync::atomic::Ordering;

use burn::tensor::{Device, Tensor, TensorData};
use kernels::{Memcpy, combine, pack};
use moe_layer::{Capacity, DispatchPlan, MoeConfig, PackedRows, PlanDims};
use routers::{Assignment, Sequences};

pub(crate) use self::settings::PackSettings;
use self::settings::Packing;
use super::{
    clock::timed_on,
    context::{Event, JobContext, JobEnd, JobError},
    timed::Timed,
};

/// Runs a trial of `job = "pack"`.
///
/// One repetition is: drop decisions from the loads of the experts, rows, pack, combine. It is
/// timed between two synchronisations of the device, in turn with a plain copy of as many bytes.
fn run(mut cx: JobContext<'_>, settings: &PackSettings) -> Result<JobEnd, JobError> {
    let inputs = &mut Inputs::default();
    let mut bench = Bench::new(settings, cx.seed, &cx.device, inputs);
    let mut memcpy = Memcpy::new(&cx.device, bench.moved().bytes / 2);
    let (warmup, timed) = (settings.pack.warmup, settings.pack.iterations.get());
    let (mut pack_s, mut copy_s) = (Vec::with_capacity(timed), Vec::with_capacity(timed));
    (cx.events)(Event::Started {
        steps: warmup + timed,
        done: 0,
    });
    for repetition in 0..warmup + timed {
        if cx.stop.load(Ordering::Relaxed) {
            return Ok(JobEnd::Interrupted { step: 0 });
        }
        let pack_time = bench.step()?;
        let (_, copy_time) = timed_on(&cx.device, || memcpy.run())?;
        if repetition >= warmup {
            pack_s.push(pack_time);
            copy_s.push(copy_time);
        }
        (cx.events)(Event::Progress {
            step: repetition + 1,
            steps: warmup + timed,
            loss: None,
            tokens_per_s: Some(bench.tokens as f64 / pack_time),
            drop_rate: None,
        });
    }
    Ok(JobEnd::Finished(record(
        &mut cx, &bench, &memcpy, &pack_s, &copy_s,
    )))
}

/// Tokens to pack by T and D, whose values do not matter: all that pack them share them.
#[derive(Default)]
struct Inputs(Vec<Tensor<2>>);

impl Inputs {
    fn of(&mut self, tokens: usize, width: usize, device: &Device) -> Tensor<2> {
        let same = |x_td: &&Tensor<2>| x_td.dims() == [tokens, width];
        if let Some(x_td) = self.0.iter().find(same) {
            return x_td.clone();
        }
        let numbers: Vec<f32> = (0..tokens * width)
            .map(|i| (i % 1021) as f32 / 1021.0)
            .collect();
        let x_td = Tensor::from_data(TensorData::new(numbers, [tokens, width]), device);
        self.0.push(x_td.clone());
        x_td
    }
}

/// The inputs of a repetition.
struct Bench {
    device: Device,
    tokens: usize,
    experts: usize,
    k: usize,
    packing: Packing,
    config: MoeConfig,
    x_td: Tensor<2>,
    assignment: Assignment,
}

/// What a repetition really moves.
struct Moved {
    /// Assignments within capacity.
    kept: usize,
    /// Rows of the packed buffer, empty ones included.
    rows: usize,
    /// Bytes read and written.
    bytes: usize,
}

impl Bench {
    fn new(settings: &PackSettings, seed: u64, device: &Device, inputs: &mut Inputs) -> Self {
        let (tokens, width) = (settings.pack.tokens.get(), settings.pack.width.get());
        let (experts, k) = (settings.moe.experts.get(), settings.moe.k.get());
        let chosen = loads::draw(&settings.pack.load, tokens, experts, k, seed);
        let gates_tk = Tensor::full([tokens, k], 1.0 / k as f64, device);
        let experts_tk = Tensor::from_data(TensorData::new(chosen, [tokens, k]), device);
        Self {
            device: device.clone(),
            tokens,
            experts,
            k,
            packing: settings.pack.packing,
            config: MoeConfig {
                experts: settings.moe.experts,
                k: settings.moe.k,
                capacity_factor: settings.moe.capacity_factor,
                ..MoeConfig::default()
            },
            x_td: inputs.of(tokens, width, device),
            assignment: Assignment::TokenChoice {
                experts_tk,
                gates_tk,
            },
        }
    }

    fn plan(&self) -> DispatchPlan {
        let dims = PlanDims {
            sequences: Sequences::equal(1, self.tokens),
            top_k: self.k,
            capacity: Capacity::Training,
        };
        DispatchPlan::new(&self.assignment, &self.config, &dims)
    }

    fn rows(&self, plan: &DispatchPlan) -> PackedRows {
        match self.packing {
            Packing::Compact => PackedRows::compact(plan).0,
            Packing::Fixed => PackedRows::fixed(plan).0,
        }
    }

    fn round_trip(&self) -> Tensor<2> {
        let packed = self.rows(&self.plan());
        let x_md = pack(self.x_td.clone(), packed.rows_m.clone());
        combine(x_md, packed.rows_m, packed.gates_m, self.tokens)
    }

    /// Pack reads kept rows and writes the buffer; combine reads kept rows and writes the tokens.
    /// Indices and gates, a few bytes a row, are left out.
    fn moved(&self) -> Moved {
        let plan = self.plan();
        let [rows] = self.rows(&plan).rows_m.dims();
        // Each load is exact in f32, their sum need not be.
        let loads = plan.load().into_data();
        let kept = loads.iter::<f32>().map(|load| load as usize).sum();
        let row_bytes = self.x_td.dims()[1] * size_of::<f32>();
        Moved {
            kept,
            rows,
            bytes: (2 * kept + rows + self.tokens) * row_bytes,
        }
    }
}

impl Timed for Bench {
    fn step(&mut self) -> Result<f64, JobError> {
        let (_, seconds) = timed_on(&self.device, || self.round_trip())?;
        Ok(seconds)
    }

    fn tokens(&self) -> usize {
        self.tokens
    }
}

fn record(
    cx: &mut JobContext<'_>,
    bench: &Bench,
    memcpy: &Memcpy,
    pack_s: &[f64],
    copy_s: &[f64],
) -> runstore::TrialRecord {
    use metrics::{speed, statistics};
    let moved = bench.moved();
    let assignments = (bench.tokens * bench.k) as f64;
    let median = statistics::median(pack_s);
    let milliseconds = |q: f64| statistics::quantile(pack_s, q).map(|seconds| seconds * 1e3);
    let loads: Vec<f64> = bench
        .assignment
        .load(bench.experts)
        .into_data()
        .iter::<f64>()
        .collect();

    let mut row = std::mem::take(&mut cx.row);
    row.precision = Some("f32".to_owned());
    row.capacity = bench.plan().capacity.map(|capacity| capacity as u64);
    row.drop_rate = Some(1.0 - moved.kept as f64 / assignments);
    row.load_cv_before = metrics::load::load_cv(&loads);
    row.max_violation = metrics::load::max_violation(&loads);
    row.tokens_per_s = median.and_then(|s| speed::tokens_per_second(bench.tokens as u64, s));
    row.pack_ms_median = milliseconds(0.5);
    row.pack_ms_p10 = milliseconds(0.1);
    row.pack_ms_p90 = milliseconds(0.9);
    row.bytes_moved = Some(moved.bytes as u64);
    row.gb_per_s = median.and_then(|s| speed::gigabytes_per_second(moved.bytes as u64, s));
    row.memcpy_gb_per_s = statistics::median(copy_s)
        .and_then(|s| speed::gigabytes_per_second(memcpy.bytes_moved() as u64, s));
    row.memcpy_share = row
        .gb_per_s
        .zip(row.memcpy_gb_per_s)
        .and_then(|(a, b)| speed::share(a, b));
    row.buffer_bytes = Some((moved.rows * bench.x_td.dims()[1] * size_of::<f32>()) as u64);
    runstore::TrialRecord {
        trial: row,
        ..runstore::TrialRecord::default()
    }
}
