//! Cheaper routers in the place of trained ones, as "Optimizing MoE Routers" asks for in its section VII: train with a
//! costly router, serve with a cheap one.
//!
//! Each student learns from the logits of the router that it stands for, on what that reads of the training text. The
//! model stays, and is measured on the windows of the evaluation with students before and after they have learned.

use std::convert::Infallible;

use burn::tensor::{FloatDType, Tensor};
use corpora::{Dataset, valid_windows};
use lm::{CausalLm, DataDims, LanguageModel, TokenBatch};
use moe_layer::{Capacity, LayerDims, MoeLayer, agreement};
use routers::{Score, ScoreConfig, Scorer};
use runstore::tables::TrialRow;
use trainer::Data;

use super::settings::{DistilSettings, TrainSettings};
use crate::jobs::{
    context::JobError,
    learning::{Batches, PASSES, token_batch},
    random::named_seed,
};

/// Fills the columns of students, and says in words how they learned.
pub(super) fn fill<M: CausalLm>(
    row: &mut TrialRow,
    trained: &M,
    (settings, distil): (&TrainSettings, &DistilSettings),
    (dataset, seed): (&Dataset, u64),
) -> Result<Vec<String>, JobError> {
    let train = &settings.train;
    let model = trained.valid();
    let windows = valid_windows(
        &dataset.valid.ids,
        train.sequence.get(),
        train.batch.get(),
        train.eval_windows,
    )?;
    let held_back: Vec<TokenBatch> = windows.map(token_batch).collect();
    let mut batches = Batches::new(dataset, train, seed)?;
    let lessons = 0..distil.batches.get() as u64;
    let lessons: Vec<TokenBatch> = lessons.map(|index| batches.training(index)).collect();
    let class = Class::taught(&model, distil, &inputs(&model, &lessons)?, seed)?;

    let exam = Exam {
        settings,
        seed: trainer::evaluation_seed(named_seed(seed, PASSES), 0),
        read: inputs(&model, &held_back)?,
        batches: held_back,
    };
    (row.student_agreement_fresh, row.student_perplexity_fresh) = exam.of(&model, class.fresh);
    (row.student_agreement, row.student_perplexity) = exam.of(&model, class.fitted);
    let dims = DataDims::new(dataset.tokenizer.vocab_size(), train.sequence.get());
    let router = distil.router(&settings.router);
    let sizes = settings.model.shape().sizes(&settings.moe, &router, &dims);
    row.student_params_router = Some(sizes.router as u64);
    Ok(class.told)
}

/// What each mixture reads of a text.
fn inputs<M: CausalLm>(model: &M, batches: &[TokenBatch]) -> Result<Vec<Tensor<2>>, JobError> {
    lm::mixture_inputs(model, batches).map_err(|error| JobError::Failed(error.to_string()))
}

/// The students of all mixtures.
struct Class {
    fresh: Vec<Scorer>,
    fitted: Vec<Scorer>,
    told: Vec<String>,
}

impl Class {
    /// Fits a student to each router on `read`, what its mixture reads, `[T, D]`.
    fn taught<M: CausalLm>(
        model: &M,
        distil: &DistilSettings,
        read: &[Tensor<2>],
        seed: u64,
    ) -> Result<Self, JobError> {
        let mut class = Self {
            fresh: Vec::new(),
            fitted: Vec::new(),
            told: Vec::new(),
        };
        for ((number, layer), x_td) in model.mixtures().into_iter().zip(read) {
            let Some(teacher) = layer.router().scorer() else {
                let text = format!("the router of layer {number} scores nothing to learn from");
                return Err(JobError::Failed(text));
            };
            // Neither vocabulary nor tables bear on a scorer.
            let dims = MoeLayer::router_dims(layer.config(), &LayerDims::new(layer.width(), 1));
            let own_seed = named_seed(seed, &format!("student of layer {number}"));
            let student = trainer::initialise(own_seed, &model.device(), |device| {
                Ok::<_, Infallible>(distil.student.init(&dims, device))
            });
            let student = student.unwrap_or_else(|never| match never {});
            let x_td = x_td.clone().cast(FloatDType::F32);
            let logits_te = teacher.score(x_td.clone());
            let taught = routers::distil(student.clone(), logits_te, x_td, &distil.learning());
            if let (Some(first), Some(last)) = (taught.losses.first(), taught.losses.last()) {
                class.told.push(format!(
                    "layer {number}: {} learned from {}, divergence {first:.4} -> {last:.4} nats",
                    student.name(),
                    teacher.name()
                ));
            }
            class.fresh.push(student);
            class.fitted.push(taught.scorer);
        }
        Ok(class)
    }
}

/// The text that students are measured on, and what each mixture reads of it with its trained routers.
struct Exam<'a> {
    settings: &'a TrainSettings,
    seed: u64,
    read: Vec<Tensor<2>>,
    batches: Vec<TokenBatch>,
}

impl Exam<'_> {
    /// The share of a model's choices that students make too, mean over layers, and its perplexity with them.
    fn of<M: CausalLm>(&self, model: &M, students: Vec<Scorer>) -> (Option<f64>, Option<f64>) {
        let mut students = students.into_iter();
        let with = model.clone().map_mixtures(|_, layer| {
            let student = students.next().expect("a student for every mixture");
            Ok::<_, Infallible>(layer.map_router(|router| router.with_scorer(student)))
        });
        let with = with.unwrap_or_else(|never| match never {});
        let (own, other) = (model.mixtures().into_iter(), with.mixtures().into_iter());
        let layers = own.zip(other).zip(&self.read);
        let agreed = layers.filter_map(|(((_, own), (_, other)), x_td)| {
            let k = own.config().k.get();
            agreement(own.router(), other.router(), x_td, k)
        });
        let agreed = metrics::statistics::mean(&agreed.collect::<Vec<_>>());
        (agreed, self.perplexity(with))
    }

    fn perplexity<M: CausalLm>(&self, model: M) -> Option<f64> {
        let precision = self.settings.train.precision.on(&model.device());
        let model = LanguageModel::new(model, precision);
        let losses = self.batches.iter().flat_map(|batch| {
            let forward = model.forward(batch, self.seed, Capacity::Evaluation);
            lm::token_losses(&forward, batch)
        });
        let nats = metrics::statistics::mean(&losses.collect::<Vec<_>>())?;
        metrics::language::perplexity(nats)
    }
}
