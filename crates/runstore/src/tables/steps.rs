//! `steps.parquet`.

use super::declare::table;

table! {
    /// One row a logged step of a training trial; means are over the interval that the step ends.
    pub struct StepRow in "steps", minor 3, by (trial_id, step) {
        "Identity" {
            /// The trial's id.
            trial_id: String,
            /// Optimiser steps done so far, from 1 (0 for an evaluation before the first).
            step: u64 = "steps",
            /// Training tokens seen so far.
            tokens_seen: u64 = "tokens",
        }
        "Loss" {
            /// Learning rate of the step.
            learning_rate: Option<f64>,
            /// Mean of the whole training loss: language model and every auxiliary.
            loss_total: Option<f64> = "nats/token",
            /// Mean of the language-model loss.
            loss_lm: Option<f64> = "nats/token",
            /// Mean of the weighted `switch` load-balancing loss.
            aux_switch: Option<f64>,
            /// Validation loss, where the step was evaluated.
            valid_loss: Option<f64> = "nats/token",
            /// exp of `valid_loss`, without a cap.
            perplexity: Option<f64> = "per token",
        }
        "Gradients" {
            /// Mean over the interval of the global gradient norm, before clipping.
            grad_norm: Option<f64>,
            /// Norm of the routers' gradient of the language-model loss alone, before clipping, of this one step.
            router_grad_norm_lm: Option<f64>,
            /// Norm of the routers' gradient of the whole loss, before clipping, of this one step.
            router_grad_norm_total: Option<f64>,
        }
        "Speed" {
            /// Training tokens per second of training over the interval.
            tokens_per_s: Option<f64> = "tokens/s",
            /// Mean time of a training step over the interval.
            step_ms: Option<f64> = "ms",
        }
        "Routing (means over layers and the batches of the interval)" {
            /// Share of assignments (token, choice) that capacity dropped.
            drop_rate: Option<f64> = "share",
            /// Share of tokens that no expert processed.
            token_drop_rate: Option<f64> = "share",
            /// Standard deviation over mean of the experts' loads, before drops, over all E.
            load_cv_before: Option<f64>,
            /// Standard deviation over mean of the experts' loads, after drops, over all E.
            load_cv_after: Option<f64>,
            /// Busiest expert's load over the mean load, less 1, before drops.
            max_violation: Option<f64>,
            /// Experts of a layer that received no token.
            dead_experts: Option<f64> = "experts",
            /// Entropy of the distribution of load over experts, before drops; at most ln E.
            load_entropy_before: Option<f64> = "nats",
            /// Entropy of the distribution of load over experts, after drops; at most ln E.
            load_entropy_after: Option<f64> = "nats",
            /// Mean entropy of a token's router probabilities over all E; null where undefined.
            router_entropy: Option<f64> = "nats",
            /// Mean entropy of a token's gates, scaled to sum to 1, over tokens that have any; null where gates are equal by construction.
            gate_entropy: Option<f64> = "nats",
            /// Mean router probability of the experts that were chosen, before drops.
            mean_top_k_prob: Option<f64> = "share",
        }
        "Auxiliary losses (as they were minimised, over layers as `router.aux-layers` says; `aux_switch` is above; `losses.parquet` has all of them, and later ones alone)" {
            /// Mean of the weighted `switch` loss over sequences.
            aux_switch_sequence: Option<f64>,
            /// Mean of the weighted `switch` loss over whole steps.
            aux_switch_step: Option<f64>,
            /// Mean of the weighted `switch-unscaled` loss (equation 17 of Optimizing MoE Routers).
            aux_switch_unscaled: Option<f64>,
            /// Mean of the weighted `squared-importance` loss (equation 18 of Optimizing MoE Routers).
            aux_squared_importance: Option<f64>,
            /// Mean of the weighted `gshard` loss.
            aux_gshard: Option<f64>,
            /// Mean of the weighted `importance` loss: squared variation of the summed gates.
            aux_importance: Option<f64>,
            /// Mean of the weighted `load` loss of noisy top-k: squared variation of the smoothed load.
            aux_load: Option<f64>,
            /// Mean of the weighted `z-loss`.
            aux_z_loss: Option<f64>,
            /// Mean of the weighted `hadamard-orthogonality` regulariser.
            aux_hadamard_orthogonality: Option<f64>,
            /// Mean of the weighted `info-nce` loss of the self-supervised scorer.
            aux_info_nce: Option<f64>,
            /// Mean of the weighted `relu-l1` penalty of ReLU routing.
            aux_relu_l1: Option<f64>,
            /// Mean of the weighted `counts-as-published` term, which trains nothing.
            aux_counts_as_published: Option<f64>,
            /// Mean of the weighted `top-p-entropy` loss of top-p routing.
            aux_top_p_entropy: Option<f64>,
        }
        "Under the capacity of training" {
            /// Validation loss under the capacity of training, where the step was evaluated.
            valid_loss_train_capacity: Option<f64> = "nats/token",
            /// exp of `valid_loss_train_capacity`, without a cap.
            perplexity_train_capacity: Option<f64> = "per token",
        }
        "Arithmetic" {
            /// Expert rows of the assignments that were kept, a token and layer, in units of one expert of width F. What a dispatch backend pads does not count.
            expert_rows_per_token: Option<f64> = "rows",
            /// Multiplications and additions of all training steps so far: three forward passes a step, with `expert_rows_per_token` of each interval; the pass of `dense-mixer` over all experts does not count.
            train_flops: Option<f64> = "FLOP",
        }
        "Load summed over the interval (means over layers)" {
            /// Standard deviation over mean of the experts' loads summed over the interval, before drops; below `load_cv_before`, which is of one batch.
            load_cv_summed_before: Option<f64>,
            /// The same after drops.
            load_cv_summed_after: Option<f64>,
            /// Busiest expert's load over the mean, less 1, of the loads summed over the interval, before drops.
            max_violation_summed: Option<f64>,
            /// Experts of a layer that received no token in the whole interval.
            dead_experts_summed: Option<f64> = "experts",
            /// Entropy of the distribution of the summed load over experts, before drops.
            load_entropy_summed_before: Option<f64> = "nats",
            /// The same after drops.
            load_entropy_summed_after: Option<f64> = "nats",
        }
        "Cell" {
            /// The trial's cell, which it shares with trials that differ in the seed alone: 12 hexadecimal digits; null in the working folder.
            cell_id: Option<String>,
        }
    }
}
