//! The whole training step of TinyMoE, as the training loop makes it.

use std::any::Any;

use burn::{
    optim::GradientsParams,
    tensor::{Int, Tensor, TensorData},
};
use lm::{CausalLm, DataDims, LanguageModel, LmConfig, LmInput, TokenBatch};
use models_tiny::TinyMoe;
use moe_layer::Capacity;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use registry::PositiveF64;
use serde_json::json;
use trainer::{AdamW, Learner, Pass, TrainConfig, Update};

use super::{Handout, Ours, SEED, Setting, chosen, host};
use crate::{
    scale::ModelSizes,
    tensors::{self, Tensors},
};

/// Updates whose losses are compared before anything is timed.
const UPDATES: usize = 4;

/// A model in training on one batch.
pub(crate) struct Step {
    sizes: ModelSizes,
    setting: Setting,
    config: TrainConfig,
    /// The model as it was initialised.
    plain: TinyMoe,
    /// The model in training; `None` only inside an update.
    learner: Option<LanguageModel<TinyMoe>>,
    optimiser: AdamW,
    batch: [TokenBatch; 1],
    done: u64,
}

impl Step {
    pub(crate) fn new(sizes: &ModelSizes, setting: &Setting) -> Self {
        let config = TrainConfig {
            // A schedule so long that the rate is the same to six digits in every sample.
            steps: 10_000_000.try_into().expect("above 0"),
            warmup: 0,
            batch: sizes.batch.try_into().expect("above 0"),
            sequence: sizes.sequence.try_into().expect("above 0"),
            learning_rate: PositiveF64::new(3e-4),
            ..TrainConfig::default()
        };
        let dims = DataDims {
            vocab: sizes.vocab,
            sequence: sizes.sequence,
            token_counts: None,
            seed: 0,
        };
        let plain = trainer::initialise(SEED, &setting.device.clone().autodiff(), |device| {
            let (model, moe) = (sizes.model(), sizes.moe());
            model.build(&moe, &ModelSizes::router(), &dims, device)
        })
        .expect("the benchmark's own sizes fit together");
        Self {
            sizes: sizes.clone(),
            setting: setting.clone(),
            learner: Some(LanguageModel::new(plain.clone(), setting.precision)),
            plain,
            optimiser: AdamW::new(&config),
            batch: [batch(sizes)],
            config,
            done: 0,
        }
    }

    /// Logits `[B * S, V]` of the untrained model, and whom each layer chose `[T, k]`.
    fn forward(&self) -> (Tensor<2>, Vec<Tensor<2, Int>>) {
        let batch = &self.batch[0];
        let forward = self.plain.forward(&LmInput {
            ids_bs: batch.ids_bs(&self.plain.device()),
            texts: None,
            noise_seed: 0,
            capacity: Capacity::Training,
            precision: self.setting.precision,
        });
        let chosen = forward.layers.iter().map(chosen).collect();
        (forward.logits, chosen)
    }

    fn windows(&self, values: &[u32]) -> TensorData {
        let values: Vec<i32> = values.iter().map(|&value| value as i32).collect();
        TensorData::new(values, [self.sizes.batch, self.sizes.sequence])
    }

    /// One update; gives its loss.
    pub(crate) fn update(&mut self) -> Tensor<1> {
        let update = Update {
            config: &self.config,
            seed: SEED,
            step: self.done,
        };
        let learner = self.learner.take().expect("it is put back below");
        let updated = update.run(learner, &self.batch, &mut self.optimiser);
        self.learner = Some(updated.model);
        self.done += 1;
        updated
            .aux
            .into_iter()
            .fold(updated.lm, |sum, (_, loss)| sum + loss)
    }
}

/// Ids drawn evenly; each target is the id that follows.
fn batch(sizes: &ModelSizes) -> TokenBatch {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let vocab = sizes.vocab as u32;
    let windows: Vec<Vec<u32>> = (0..sizes.batch)
        .map(|_| {
            (0..=sizes.sequence)
                .map(|_| rng.random_range(0..vocab))
                .collect()
        })
        .collect();
    TokenBatch {
        inputs: windows
            .iter()
            .flat_map(|ids| ids[..sizes.sequence].to_vec())
            .collect(),
        targets: windows.iter().flat_map(|ids| ids[1..].to_vec()).collect(),
        counted: None,
        texts: None,
        rows: sizes.batch,
        length: sizes.sequence,
    }
}

impl Ours for Step {
    fn handout(&self) -> Handout {
        let (_, choices) = self.forward();
        let mut inputs = Tensors::from([
            ("ids".to_owned(), self.windows(&self.batch[0].inputs)),
            ("targets".to_owned(), self.windows(&self.batch[0].targets)),
        ]);
        for (layer, experts_tk) in choices.into_iter().enumerate() {
            inputs.insert(
                format!("choices/{layer}"),
                experts_tk.into_data().convert::<i32>(),
            );
        }
        let config = &self.config;
        Handout {
            case: json!({
                "case": "step",
                "shape": self.sizes.shape(),
                "settings": {
                    "rate": config.learning_rate.get(),
                    "weight_decay": config.weight_decay,
                    "beta1": config.beta1.get(),
                    "beta2": config.beta2.get(),
                    "epsilon": config.epsilon.get(),
                    "clip": config.clip,
                    "updates": UPDATES,
                },
            }),
            weights: tensors::weights(&self.plain),
            inputs,
        }
    }

    fn expected(&mut self) -> Tensors {
        let (logits, _) = self.forward();
        let learner = self.learner.as_ref().expect("no update is under way");
        let pass = Pass {
            training: true,
            step: 0,
            seed: SEED,
        };
        let total = learner.losses(&self.batch[0], &pass).total();
        let loss = host(total.clone());
        let gradients = GradientsParams::from_grads(total.backward(), learner);
        let mut expected = tensors::gradients(learner, &gradients);
        expected.insert("logits".to_owned(), host(logits));
        expected.insert("loss".to_owned(), loss);
        let losses: Vec<Tensor<1>> = (0..UPDATES).map(|_| self.update()).collect();
        expected.insert("losses".to_owned(), host(Tensor::cat(losses, 0)));
        expected
    }

    fn work(&mut self) -> Box<dyn Any> {
        Box::new(self.update())
    }
}
