//! Which measures the table of cells shows, and how.

use super::cells::Cell;
use crate::jobs;

/// A measure in the table of cells.
pub(super) struct Measure {
    pub(super) column: &'static str,
    pub(super) heading: &'static str,
    pub(super) unit: &'static str,
    pub(super) factor: f64,
}

const fn measure(
    column: &'static str,
    heading: &'static str,
    unit: &'static str,
    factor: f64,
) -> Measure {
    Measure {
        column,
        heading,
        unit,
        factor,
    }
}

/// The measure of that column.
pub(super) fn of_column(column: &str) -> Option<&'static Measure> {
    let mut all = MEASURES.iter().chain(&FINETUNING);
    all.find(|own| own.column == column)
}

/// The measures of the table of these cells, without those that none of them has.
pub(super) fn shown(cells: &[Cell]) -> Vec<&'static Measure> {
    let is_tuned = |cell: &Cell| cell.example.job == jobs::FINETUNE;
    let all = if cells.iter().all(is_tuned) {
        &FINETUNING[..]
    } else {
        &MEASURES[..]
    };
    let is_there = |measure: &&Measure| {
        let mut measured = cells.iter().filter_map(|cell| cell.measure(measure.column));
        measured.next().is_some()
    };
    all.iter().filter(is_there).collect()
}

/// What the table shows of models that were fine-tuned: how well they do, and what is paid for it. Their routing is the
/// base's and hardly differs.
const FINETUNING: [Measure; 9] = [
    measure("valid_loss", "validation loss", "nats/token", 1.0),
    measure("perplexity", "validation perplexity", "per token", 1.0),
    measure("accuracy", "accuracy", "%", 100.0),
    measure(
        "majority_accuracy",
        "accuracy of the commonest answers",
        "%",
        100.0,
    ),
    measure("trainable_params", "trainable parameters", "", 1.0),
    measure(
        "activated_trainable_params",
        "of them activated by a token",
        "",
        1.0,
    ),
    measure(
        "activated_params_share",
        "share of activated parameters",
        "%",
        100.0,
    ),
    measure("peak_memory_bytes", "peak memory", "MiB", 1.0 / 1_048_576.0),
    measure("tokens_per_s", "throughput", "tokens/s", 1.0),
];

/// What the table of cells shows of other jobs where it was measured, most asked for first.
const MEASURES: [Measure; 53] = [
    measure("perplexity", "validation perplexity", "per token", 1.0),
    measure(
        "perplexity_train_capacity",
        "perplexity under the capacity of training",
        "per token",
        1.0,
    ),
    measure("ngram_perplexity", "best n-gram", "per token", 1.0),
    measure(
        "student_perplexity",
        "perplexity with students",
        "per token",
        1.0,
    ),
    measure(
        "student_perplexity_fresh",
        "the same before they learned",
        "per token",
        1.0,
    ),
    measure(
        "student_agreement",
        "same experts as the trained routers",
        "%",
        100.0,
    ),
    measure(
        "student_agreement_fresh",
        "the same before they learned",
        "%",
        100.0,
    ),
    measure("full_perplexity", "perplexity in full", "per token", 1.0),
    measure(
        "kl_divergence",
        "divergence from the full model",
        "nats",
        1.0,
    ),
    measure("routing_agreement", "same experts", "%", 100.0),
    measure(
        "output_error_ratio",
        "error of outputs, of rounding to the nearest",
        "%",
        100.0,
    ),
    measure("model_bytes", "weights", "MiB", 1.0 / 1_048_576.0),
    measure("bits_per_char", "bits per character", "bits", 1.0),
    measure("bits_per_byte", "bits per byte", "bits", 1.0),
    measure("params_router", "router parameters", "", 1.0),
    measure(
        "student_params_router",
        "router parameters of students",
        "",
        1.0,
    ),
    measure("router_ms_median", "router", "ms", 1.0),
    measure("step_ms_median", "step", "ms", 1.0),
    measure("forward_ms_median", "forward", "ms", 1.0),
    measure("backward_ms_median", "backward", "ms", 1.0),
    measure("update_ms_median", "update", "ms", 1.0),
    measure("routing_share", "routing of forward", "%", 100.0),
    measure("tokens_per_s", "throughput", "tokens/s", 1.0),
    measure("gflop_per_s", "arithmetic", "GFLOP/s", 1.0),
    measure("gb_per_s", "traffic", "GB/s", 1.0),
    measure("memcpy_share", "of memcpy", "%", 100.0),
    measure(
        "eval_drop_rate",
        "dropped assignments, evaluation under the capacity of training",
        "%",
        100.0,
    ),
    measure("expert_rows_per_token", "expert rows", "per token", 1.0),
    measure("drop_rate", "dropped assignments", "%", 100.0),
    measure("token_drop_rate", "dropped tokens", "%", 100.0),
    measure("load_cv_before", "load CV before drops", "", 1.0),
    measure("load_cv_after", "load CV after drops", "", 1.0),
    measure("max_violation", "MaxVio", "", 1.0),
    measure("load_entropy_before", "entropy of the load", "nats", 1.0),
    measure(
        "busiest_share",
        "busiest expert, of first choices",
        "%",
        100.0,
    ),
    measure("space_share", "spaces at one expert", "%", 100.0),
    measure("agreement_class", "agreement with class", "", 1.0),
    measure("agreement_role", "agreement with role", "", 1.0),
    measure("agreement_topic", "agreement with topic", "", 1.0),
    measure("router_entropy", "router entropy", "nats", 1.0),
    measure("mean_top_k_prob", "mean top-k probability", "", 1.0),
    measure("logit_std", "logit std", "", 1.0),
    measure("output_mean", "output mean", "", 1.0),
    measure("output_std", "output std", "", 1.0),
    measure("aux_loss_without_experts", "α Σ f P", "", 1.0),
    measure("aux_loss_switch", "α E Σ f P", "", 1.0),
    measure("experts_used", "experts used", "%", 100.0),
    measure(
        "router_grad_norm_lm",
        "router gradient of the LM loss",
        "norm",
        1.0,
    ),
    measure("alarms", "alarms", "per trial", 1.0),
    measure("params_total", "parameters", "", 1.0),
    measure("buffer_bytes", "expert buffers", "MiB", 1.0 / 1_048_576.0),
    measure("peak_memory_bytes", "peak memory", "MiB", 1.0 / 1_048_576.0),
    measure(
        "device_memory_bytes",
        "peak device memory",
        "MiB",
        1.0 / 1_048_576.0,
    ),
];
