//! A model, data and a reporter small enough to run hundreds of steps in a test.

use std::convert::Infallible;
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::activation::{softmax, tanh};
use registry::PositiveF64;
use testkit::normal;
use trainer::{
    CheckpointSlot, Data, EvalReport, Evaluation, Heartbeat, Learner, Losses, Observation, Pass,
    Reporter, Run, StepReport, TrainConfig, Trained, initialise, train,
};

/// The device's generator is one for the process: tests that draw from it run one at a time.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn count(value: usize) -> NonZeroUsize {
    NonZeroUsize::new(value).expect("above 0")
}

/// Two experts of one layer each, mixed by a linear router.
#[derive(Module, Debug)]
pub(crate) struct Toy {
    pub(crate) first: Linear,
    pub(crate) second: Linear,
    pub(crate) router: Linear,
    pub(crate) head: Linear,
    dropout: Dropout,
    /// Cuts the language-model loss off from the router.
    #[module(skip)]
    detached: bool,
    /// Weight of the balancing loss.
    #[module(skip)]
    balance: f64,
}

pub(crate) struct Toys {
    pub(crate) seed: u64,
    pub(crate) dropout: f64,
    pub(crate) detached: bool,
    pub(crate) balance: f64,
}

impl Toys {
    pub(crate) const PLAIN: Self = Self {
        seed: 1,
        dropout: 0.0,
        detached: false,
        balance: 0.02,
    };

    pub(crate) fn build(&self) -> Toy {
        let device = Device::flex().autodiff();
        let Ok(toy) = initialise(self.seed, &device, |device| {
            Ok::<_, Infallible>(Toy {
                first: LinearConfig::new(3, 8).init(device),
                second: LinearConfig::new(3, 8).init(device),
                router: LinearConfig::new(3, 2).init(device),
                head: LinearConfig::new(8, 1).init(device),
                dropout: DropoutConfig::new(self.dropout).init(),
                detached: self.detached,
                balance: self.balance,
            })
        });
        toy
    }
}

/// Inputs and targets, on the plain device.
pub(crate) struct Points {
    pub(crate) x: Tensor<2>,
    pub(crate) y: Tensor<2>,
}

/// The summed probabilities of the two experts, and how many tokens they are of.
#[derive(Clone)]
pub(crate) struct Load {
    sum: Tensor<2>,
    tokens: Tensor<1, Int>,
}

impl Observation for Load {
    fn add(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            tokens: self.tokens + other.tokens,
        }
    }

    fn into_host(self) -> Vec<TensorData> {
        vec![self.sum.into_data(), self.tokens.into_data()]
    }

    fn from_host(tensors: Vec<TensorData>, device: &Device) -> Self {
        let [sum, tokens] = <[TensorData; 2]>::try_from(tensors).expect("two tensors were saved");
        Self {
            sum: Tensor::from_data(sum, device),
            tokens: Tensor::from_data(tokens, device),
        }
    }
}

impl Learner for Toy {
    type Batch = Points;
    type Observation = Load;

    fn router_of(path: &str) -> Option<&str> {
        path.starts_with("router").then_some("router")
    }

    fn losses(&self, batch: &Points, pass: &Pass) -> Losses<Load> {
        let x = batch.x.clone();
        assert_eq!(
            pass.training,
            self.head.weight.val().is_autodiff(),
            "evaluation is without autodiff"
        );
        let probs = softmax(self.router.forward(x.clone()), 1);
        let gates = if self.detached {
            probs.clone().detach()
        } else {
            probs.clone()
        };
        let first = tanh(self.first.forward(x.clone())) * gates.clone().narrow(1, 0, 1);
        let second = tanh(self.second.forward(x)) * gates.narrow(1, 1, 1);
        let y = self.head.forward(self.dropout.forward(first + second));
        let balance = probs
            .clone()
            .mean_dim(0)
            .square()
            .sum()
            .mul_scalar(self.balance);
        let tokens = Tensor::from_data([Self::tokens(batch) as i32], &batch.x.device());
        // The same number as the loss: its mean must be weighted as the loss's is.
        let lm = (y - batch.y.clone()).square().mean();
        let measures = if pass.training {
            Vec::new()
        } else {
            vec![("twice", lm.clone() * 2.0)]
        };
        Losses {
            lm,
            aux: vec![("balance", balance)],
            measures,
            observation: Load {
                sum: probs.without_autodiff().sum_dim(0),
                tokens,
            },
        }
    }

    fn tokens(batch: &Points) -> usize {
        batch.x.dims()[0]
    }
}

/// Points of a smooth function; training batches follow from their index.
pub(crate) struct Function {
    pub(crate) batch: usize,
    /// The training batch whose targets are not numbers.
    pub(crate) poisoned: Option<u64>,
    /// The training batch from which targets have the other sign.
    pub(crate) flipped: Option<u64>,
    /// Sizes of the validation batches.
    pub(crate) validation: Vec<usize>,
}

impl Function {
    pub(crate) fn new(batch: usize) -> Self {
        Self {
            batch,
            poisoned: None,
            flipped: None,
            validation: vec![32],
        }
    }
}

pub(crate) fn points(x: Tensor<2>) -> Points {
    let y =
        (x.clone().narrow(1, 0, 1) * x.clone().narrow(1, 1, 1)) - x.clone().narrow(1, 2, 1) * 0.5;
    Points { x, y }
}

impl Data for Function {
    type Batch = Points;

    fn training(&mut self, index: u64) -> Points {
        // Rows of one long stream, so that two half batches hold what one full batch does.
        let start = index * self.batch as u64;
        let rows = (start..)
            .take(self.batch)
            .map(|row| normal([1, 3], 1000 + row, &Device::flex()));
        let mut points = points(Tensor::cat(rows.collect(), 0));
        if self.poisoned == Some(index) {
            points.y = points.y.mul_scalar(f32::NAN);
        }
        if self.flipped.is_some_and(|first| index >= first) {
            points.y = points.y.neg();
        }
        points
    }

    fn validation(&mut self, windows: usize) -> impl Iterator<Item = Points> {
        let all: usize = self.validation.iter().sum();
        let rows = normal([all, 3], 7, &Device::flex());
        let mut start = 0;
        let take = if windows == 0 {
            self.validation.len()
        } else {
            windows
        };
        self.validation.iter().take(take).map(move |&size| {
            start += size;
            points(rows.clone().narrow(0, start - size, size))
        })
    }
}

/// A logged row as bits: what must be the same after a resume.
pub(crate) type Row = Vec<u64>;

/// Remembers everything, and can raise the stop flag or panic after a step.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) rows: Vec<Row>,
    pub(crate) reports: Vec<(u64, f64, f64, f64, f64)>,
    pub(crate) observed: Vec<i64>,
    pub(crate) evaluations: Vec<Evaluation>,
    pub(crate) beats: Vec<Heartbeat>,
    /// The steps after which the model was shown.
    pub(crate) shown: Vec<u64>,
    pub(crate) last: Option<StepReport<()>>,
    pub(crate) stop_after: Option<u64>,
    pub(crate) die_after: Option<u64>,
    pub(crate) stop: AtomicBool,
}

impl Memory {
    pub(crate) fn stopping_after(step: u64) -> Self {
        Self {
            stop_after: Some(step),
            ..Self::default()
        }
    }
}

/// A memory and the flag that it raises.
pub(crate) struct Watch<'a>(pub(crate) &'a mut Memory, pub(crate) &'a AtomicBool);

impl Reporter<Toy> for Watch<'_> {
    fn step(&mut self, report: StepReport<Load>) {
        let load = report.observation.clone();
        let sums: Vec<f32> = load.sum.into_data().iter::<f32>().collect();
        self.0
            .observed
            .push(load.tokens.into_scalar::<i32>().into());
        let mut row = vec![
            report.step,
            report.steps,
            report.tokens,
            report.observations,
        ];
        let floats = [
            report.learning_rate,
            report.lm,
            report.aux[0].1,
            report.gradient_norm,
            report.router_gradient_norm,
            report.router_gradient_norm_lm,
        ];
        row.extend(
            floats
                .into_iter()
                .chain(report.router_gradient_norms_lm.iter().copied())
                .chain(sums.into_iter().map(f64::from))
                .map(f64::to_bits),
        );
        self.0.rows.push(row);
        let router = (report.router_gradient_norm, report.router_gradient_norm_lm);
        self.0.reports.push((
            report.step,
            report.lm,
            report.gradient_norm,
            router.0,
            router.1,
        ));
        self.0.last = Some(StepReport {
            observation: (),
            step: report.step,
            steps: report.steps,
            tokens: report.tokens,
            learning_rate: report.learning_rate,
            lm: report.lm,
            aux: report.aux,
            gradient_norm: report.gradient_norm,
            router_gradient_norm: report.router_gradient_norm,
            router_gradient_norm_lm: report.router_gradient_norm_lm,
            router_gradient_norms_lm: report.router_gradient_norms_lm,
            observations: report.observations,
            speed: report.speed,
            timing: report.timing,
        });
    }

    fn evaluated(&mut self, report: EvalReport<Load>) {
        let (step, nll) = (report.evaluation.step, report.evaluation.nll.to_bits());
        let twice = report.measures[0].1;
        assert!((twice - 2.0 * report.evaluation.nll).abs() < 1e-6 * twice);
        self.0
            .rows
            .push(vec![step, nll, u64::from(report.best), report.observations]);
        self.0.evaluations.push(report.evaluation);
    }

    fn model(&mut self, step: u64, _: &Toy) {
        self.0.shown.push(step);
    }

    fn heartbeat(&mut self, beat: Heartbeat) {
        self.0.beats.push(beat);
        if self.0.stop_after == Some(beat.step) {
            self.1.store(true, Ordering::Relaxed);
        }
        assert_ne!(self.0.die_after, Some(beat.step), "killed on purpose");
    }

    fn save(&mut self, folder: &Path) -> io::Result<()> {
        std::fs::write(folder.join("rows.json"), serde_json::to_vec(&self.0.rows)?)
    }

    fn load(&mut self, folder: &Path) -> io::Result<()> {
        self.0.rows = serde_json::from_slice(&std::fs::read(folder.join("rows.json"))?)?;
        Ok(())
    }
}

/// Ten steps that log every 4 and evaluate every 5.
pub(crate) fn short() -> TrainConfig {
    TrainConfig {
        steps: count(10),
        learning_rate: PositiveF64::new(0.01),
        warmup: 2,
        log_every: count(4),
        eval_every: 5,
        ..TrainConfig::default()
    }
}

pub(crate) fn run(
    toy: Toy,
    data: &mut Function,
    memory: &mut Memory,
    config: &TrainConfig,
    checkpoints: Option<&dyn CheckpointSlot>,
) -> Trained<Toy> {
    let stop = AtomicBool::new(memory.stop.load(Ordering::Relaxed));
    let run = Run {
        config,
        seed: 17,
        stop: &stop,
        checkpoints,
        base: None,
        keep_best: true,
    };
    train(toy, data, &mut Watch(memory, &stop), &run).expect("trains")
}

/// All parameters as bytes, in the order of the fields.
pub(crate) fn parameters(toy: &Toy) -> Vec<Vec<u8>> {
    [&toy.first, &toy.second, &toy.router, &toy.head]
        .into_iter()
        .flat_map(|linear| {
            let bias = linear.bias.as_ref().expect("has a bias").val().into_data();
            [
                linear.weight.val().into_data().as_bytes().to_vec(),
                bias.as_bytes().to_vec(),
            ]
        })
        .collect()
}
