//! How far a model in four bits is from the one in full.

use burn::tensor::Tensor;
use kernels::Precision;
use lm::{TokenBatch, kl_divergence, read_windows};
use models_qwen::Qwen2Moe;
use runstore::tables::TrialRow;

use crate::jobs::context::JobError;

/// How far a model in four bits is from the one in full, over a text.
pub(super) struct Apart {
    kl_divergence: f64,
    nats: f64,
    full_nats: f64,
    routing_agreement: Option<f64>,
}

/// Runs both models on the same windows.
pub(super) fn compared(
    full: &Qwen2Moe,
    other: &Qwen2Moe,
    texts: &[TokenBatch],
) -> Result<Apart, JobError> {
    let read = |model: &Qwen2Moe, text: &TokenBatch| {
        read_windows(model, text, Precision::F32)
            .map_err(|error| JobError::Unsupported(error.to_string()))
    };
    let (mut nats, mut full_nats) = (Vec::new(), Vec::new());
    let (mut apart, mut tokens, mut agreements) = (0.0, 0, Vec::new());
    for text in texts {
        let (full, own_full) = read(full, text)?;
        let (other, own) = read(other, text)?;
        full_nats.extend(own_full);
        nats.extend(own);
        let layers = full.layers.iter().zip(&other.layers);
        agreements.extend(layers.filter_map(|(full, other)| full.agreement(other)));
        apart += sum(kl_divergence(full.logits, other.logits));
        tokens += text.targets.len();
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    Ok(Apart {
        kl_divergence: apart / tokens as f64,
        nats: mean(&nats),
        full_nats: mean(&full_nats),
        routing_agreement: (!agreements.is_empty()).then(|| mean(&agreements)),
    })
}

fn sum(values: Tensor<1>) -> f64 {
    let values = values.into_data();
    values.iter::<f32>().map(f64::from).sum()
}

impl Apart {
    pub(super) fn fill(&self, row: &mut TrialRow) {
        row.kl_divergence = Some(self.kl_divergence);
        row.perplexity = metrics::language::perplexity(self.nats);
        row.full_perplexity = metrics::language::perplexity(self.full_nats);
        row.routing_agreement = self.routing_agreement;
    }
}
