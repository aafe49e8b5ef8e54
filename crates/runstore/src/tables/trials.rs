//! `trials.parquet`.

use super::{TrialStatus, analysis::with_analysis};

with_analysis! {
    /// One row a trial: its resolved settings, how it ended, its final measures, where it ran.
    pub struct TrialRow in "trials", minor 8, by (trial_id) {
        "Identity" {
            /// The trial's id: 64 hexadecimal digits of BLAKE3 over settings, data digests and schema major; 12 are shown.
            trial_id: String,
            /// The name of the sweep that the trial belongs to.
            sweep: String,
            /// The preset of the sweep file: `smoke`, `cpu` or `paper`.
            scale: String,
            /// The device as it was asked for, such as `cpu` or `cuda:0`.
            device: String,
            /// The device's own name, such as the GPU's model.
            device_name: Option<String>,
            /// What the trial does: `train`, `pack`, `layer`, `router`, `quantise` or `finetune`; `speed` times the steps of a sweep's cells in turn.
            job: String,
            /// How it ended: `done`, `diverged`, `stopped` or `failed`.
            status: TrialStatus,
            /// Why it failed, diverged or was stopped.
            error: Option<String>,
        }
        "Settings" {
            /// The text that the model is trained on.
            corpus: Option<String>,
            /// What turns text into tokens.
            tokenizer: Option<String>,
            /// The kind of model.
            model: Option<String>,
            /// Decoder layers, each with an MoE.
            layers: Option<u64>,
            /// Model width D.
            dim: Option<u64>,
            /// Attention heads.
            heads: Option<u64>,
            /// Hidden width F of one expert, or of the network in their place.
            ffn_dim: Option<u64>,
            /// Tokens in a training window.
            sequence: Option<u64> = "tokens",
            /// Windows in an optimiser step.
            batch: Option<u64> = "windows",
            /// Optimiser steps asked for.
            steps: Option<u64> = "steps",
            /// Peak learning rate.
            learning_rate: Option<f64>,
            /// Steps over which the learning rate rises to its peak.
            warmup: Option<u64> = "steps",
            /// AdamW's decoupled weight decay.
            weight_decay: Option<f64>,
            /// Probability that dropout zeroes an activation.
            dropout: Option<f64>,
            /// Number type of matrix products: `f32` or `bf16`.
            precision: Option<String>,
            /// The network from token to expert logits.
            scorer: Option<String>,
            /// The rule from logits to assignment; `dense-active-K`, as wide as K experts, and `dense-total`, as wide as all, are networks without routing, for which the settings of routing are null and its measures those of one expert.
            strategy: Option<String>,
            /// What keeps the load even, several joined by `+`; `none` where nothing does.
            balancer: Option<String>,
            /// Experts E in a layer.
            experts: Option<u64>,
            /// Experts k a token is sent to (1 for `top1` whatever the file says).
            top_k: Option<u64>,
            /// Capacity factor CF; the capacity is C = ceil(CF * T * k / E).
            capacity_factor: Option<f64>,
            /// Slots C that an expert has in one training batch.
            capacity: Option<u64> = "tokens",
            /// What happens past the capacity: `position`, `causal-position`, `probability`, `batch-order` or `none`.
            drop_policy: Option<String>,
            /// Whether the gates left after drops are scaled to sum to what they summed to before.
            renormalise: Option<bool>,
            /// How tokens are moved to experts and back: `dense`, `padded` or `sorted`.
            dispatch: Option<String>,
            /// The pack job's buffers: `compact` or `fixed`.
            packing: Option<String>,
            /// The pack job's load: `gaussian`, `balanced` or `zipf`.
            load_shape: Option<String>,
            /// Tokens T of a pack, layer or router job: those that pass at once.
            tokens: Option<u64> = "tokens",
            /// The pack job's row width D.
            width: Option<u64>,
            /// The seed from which every random stream of the trial is derived.
            seed: u64,
            /// The complete resolved settings as canonical JSON.
            settings: String,
            /// BLAKE3 digest over the digests of all data that the trial reads.
            data_digest: Option<String>,
        }
        "Size" {
            /// Distinct tokens of the tokenizer.
            vocab: Option<u64>,
            /// Parameters of the model.
            params_total: Option<u64>,
            /// Parameters that one token's forward pass uses: of the experts as many as it has rows, k for most strategies, CF k for expert choice, E S / L for the slots of Soft MoE.
            params_active: Option<u64>,
            /// Parameters of all routers.
            params_router: Option<u64>,
        }
        "Outcome" {
            /// Optimiser steps that were done.
            steps_done: Option<u64> = "steps",
            /// Training tokens seen.
            tokens_seen: Option<u64> = "tokens",
            /// Mean language-model loss of the last logged interval.
            train_loss: Option<f64> = "nats/token",
            /// Validation loss at the last evaluation, under the evaluation's capacity: unlimited where not set otherwise.
            valid_loss: Option<f64> = "nats/token",
            /// Lowest validation loss of all evaluations.
            best_valid_loss: Option<f64> = "nats/token",
            /// exp of `valid_loss`, without a cap.
            perplexity: Option<f64> = "per token",
            /// exp of `best_valid_loss`, without a cap.
            best_perplexity: Option<f64> = "per token",
            /// Validation loss per character of the text that was predicted.
            bits_per_char: Option<f64> = "bits/character",
            /// Validation loss per UTF-8 byte of the text that was predicted; compares across tokenizers.
            bits_per_byte: Option<f64> = "bits/byte",
            /// Perplexity of the bigram model of the same tokens on the windows of the evaluation.
            bigram_perplexity: Option<f64> = "per token",
        }
        "Speed and memory" {
            /// Training tokens per second of training; evaluation, data and warm-up excluded. Of a pack or layer job: tokens over the median time.
            tokens_per_s: Option<f64> = "tokens/s",
            /// Median time of a training step; of a layer job: forward and backward pass without update.
            step_ms_median: Option<f64> = "ms",
            /// 10th percentile of that time.
            step_ms_p10: Option<f64> = "ms",
            /// 90th percentile of that time.
            step_ms_p90: Option<f64> = "ms",
            /// Time in training steps.
            train_s: Option<f64> = "s",
            /// Time in evaluation.
            eval_s: Option<f64> = "s",
            /// Time in preparing data.
            data_s: Option<f64> = "s",
            /// Time in measuring what is logged, such as the router gradients.
            observe_s: Option<f64> = "s",
            /// Time from the trial's start to its end; of one that was interrupted, the sum over its processes.
            wall_s: Option<f64> = "s",
            /// Threads that the trial was allowed.
            threads: Option<u64>,
            /// Peak resident memory of the trial's process.
            peak_memory_bytes: Option<u64> = "bytes",
            /// Peak memory on the device, where it is not the host's.
            device_memory_bytes: Option<u64> = "bytes",
        }
        "Routing (means over layers and the batches of the last interval)" {
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
            /// Norm of the routers' gradient of the language-model loss alone, before clipping, of the last step.
            router_grad_norm_lm: Option<f64>,
            /// Norm of the routers' gradient of the whole loss, before clipping, of the same step.
            router_grad_norm_total: Option<f64>,
        }
        "Pack job" {
            /// Median time of a round trip: drop decisions, rows, pack and combine.
            pack_ms_median: Option<f64> = "ms",
            /// 10th percentile of the time of a round trip.
            pack_ms_p10: Option<f64> = "ms",
            /// 90th percentile of the time of a round trip.
            pack_ms_p90: Option<f64> = "ms",
            /// Bytes that a round trip reads and writes: kept rows twice, the buffer's rows, the tokens.
            bytes_moved: Option<u64> = "bytes",
            /// `bytes_moved` over the median time.
            gb_per_s: Option<f64> = "GB/s",
            /// Rate of a plain copy, bytes read and written per second, timed in the same run.
            memcpy_gb_per_s: Option<f64> = "GB/s",
            /// `gb_per_s` over `memcpy_gb_per_s`.
            memcpy_share: Option<f64> = "share",
            /// Bytes of the buffers that the experts read.
            buffer_bytes: Option<u64> = "bytes",
        }
        "Provenance" {
            /// When the trial first started, UTC, RFC 3339.
            started_at: String,
            /// When the trial ended, UTC, RFC 3339.
            finished_at: String,
            /// First 8 digits of the BLAKE3 digest of the machine's name: tells machines apart without naming them.
            host: String,
            /// Version of `xp`.
            xp_version: String,
            /// Commit of the source that `xp` was built from; null outside a checkout.
            git_sha: Option<String>,
            /// Whether `crates`, `Cargo.toml` or `Cargo.lock` differed from that commit when it was built.
            git_dirty: Option<bool>,
            /// Compiler that built `xp`.
            rustc: Option<String>,
            /// Version of Burn.
            burn_version: Option<String>,
            /// The processor's name.
            cpu_model: Option<String>,
            /// Logical processors of the machine.
            cores: Option<u64>,
        }
        "Layer job" {
            /// Median time of the forward pass.
            forward_ms_median: Option<f64> = "ms",
            /// 10th percentile of the time of the forward pass.
            forward_ms_p10: Option<f64> = "ms",
            /// 90th percentile of the time of the forward pass.
            forward_ms_p90: Option<f64> = "ms",
            /// Median time of the backward pass: gradients of parameters and hidden states.
            backward_ms_median: Option<f64> = "ms",
            /// 10th percentile of the time of the backward pass.
            backward_ms_p10: Option<f64> = "ms",
            /// 90th percentile of the time of the backward pass.
            backward_ms_p90: Option<f64> = "ms",
            /// Median time of AdamW's update of all parameters, which is no part of the step's time.
            update_ms_median: Option<f64> = "ms",
            /// 10th percentile of the time of the update.
            update_ms_p10: Option<f64> = "ms",
            /// 90th percentile of the time of the update.
            update_ms_p90: Option<f64> = "ms",
            /// Median time of routing and plan by themselves: scores, choice, capacity; a part of the forward pass.
            routing_ms_median: Option<f64> = "ms",
            /// 10th percentile of the time of routing and plan.
            routing_ms_p10: Option<f64> = "ms",
            /// 90th percentile of the time of routing and plan.
            routing_ms_p90: Option<f64> = "ms",
            /// `routing_ms_median` over `forward_ms_median`.
            routing_share: Option<f64> = "share",
            /// Operations of the experts' products in a step: 6 A D F M for A kept assignments and M matrices, 2 or, of gated experts, 3; the same of all tokens for a shared expert.
            step_flops: Option<u64> = "FLOP",
            /// `step_flops` over the median time of a step.
            gflop_per_s: Option<f64> = "GFLOP/s",
            /// Bytes of the layer's parameters.
            param_bytes: Option<u64> = "bytes",
        }
        "Health" {
            /// Alarms about routing, one a kind and layer, listed in `alarms.parquet`; 0 where all was well, null where nothing was judged.
            alarms: Option<u64>,
            /// Their kinds, several joined by `+`; `none` where there were none.
            alarm_kinds: Option<String>,
        }
        "Settings of a router job" {
            /// What is measured: the scorer's name, or the strategy's where it scores nothing.
            router: Option<String>,
            /// Where the hidden states come from: `random` or `bert`.
            hidden_source: Option<String>,
            /// What the hidden states were multiplied by.
            input_scale: Option<f64>,
            /// How the experts began: `random`, or `copied` from a layer of the encoder.
            expert_init: Option<String>,
        }
        "Router job" {
            /// Tokens whose routing was measured, each once.
            tokens_measured: Option<u64> = "tokens",
            /// Median time of the router by itself, for T tokens: scores, choice, gates; `forward_ms_median` has the experts too.
            router_ms_median: Option<f64> = "ms",
            /// 10th percentile of the time of the router.
            router_ms_p10: Option<f64> = "ms",
            /// 90th percentile of the time of the router.
            router_ms_p90: Option<f64> = "ms",
            /// Arithmetic of one token's logits.
            router_flops: Option<u64> = "FLOP",
            /// Standard deviation of the logits over all tokens and experts.
            logit_std: Option<f64>,
            /// Mean of the layer's output over all tokens and channels.
            output_mean: Option<f64>,
            /// Standard deviation of the layer's output over all tokens and channels.
            output_std: Option<f64>,
            /// alpha * sum f P, without the factor E: alpha / E where f and P are uniform.
            aux_loss_without_experts: Option<f64>,
            /// alpha * E * sum f P, the Switch Transformer's own: alpha where f and P are uniform.
            aux_loss_switch: Option<f64>,
            /// Share of the experts that got a token.
            experts_used: Option<f64> = "share",
        }
        "Settings of evaluation" {
            /// Capacity factor of the evaluation behind `valid_loss`; null where nothing limits it, which is the default.
            eval_capacity_factor: Option<f64>,
        }
        "Evaluation" {
            /// Whether no token's output depends on a later token of its sequence, in the evaluation behind `perplexity`: only then could the model generate text.
            causal: Option<bool>,
            /// The same under the capacity and drop policy of training.
            causal_in_training: Option<bool>,
            /// Validation loss under the capacity of training, on batches of the evaluation; equals `valid_loss` where nothing is dropped.
            valid_loss_train_capacity: Option<f64> = "nats/token",
            /// exp of `valid_loss_train_capacity`, without a cap.
            perplexity_train_capacity: Option<f64> = "per token",
            /// Share of assignments that the capacity of training drops in the evaluation's batches.
            eval_drop_rate: Option<f64> = "share",
            /// Perplexity of the best n-gram model on the windows of the evaluation: Witten-Bell, counted on as many tokens as the trial trains on, its order chosen on a held-back part of them. The line to beat.
            ngram_perplexity: Option<f64> = "per token",
            /// The order of that model: 2 for a bigram.
            ngram_order: Option<u64>,
            /// Bits per UTF-8 byte of that model.
            ngram_bits_per_byte: Option<f64> = "bits/byte",
        }
        "Arithmetic" {
            /// Expert rows of the assignments that were kept, a token and layer, in units of one expert of width F; mean over layers and the last interval. What a dispatch backend pads does not count.
            expert_rows_per_token: Option<f64> = "rows",
            /// Multiplications and additions of one token's forward pass, with the expert rows of the last interval.
            flops_per_token: Option<f64> = "FLOP",
            /// Multiplications and additions of all training steps: three forward passes a step, with `expert_rows_per_token` of each interval; the pass of `dense-mixer` over all experts does not count.
            train_flops: Option<f64> = "FLOP",
        }
        "Load summed over the last interval (means over layers)" {
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
        "Data" {
            /// What is odd about the text, in sentences: how much of the validation text the training text holds too, and what the tokenizer dropped.
            data_warnings: Option<String>,
        }
        "Cell" {
            /// The trial's cell, which it shares with trials that differ in the seed alone: 12 hexadecimal digits; null in the working folder.
            cell_id: Option<String>,
            /// What sets the cell apart in this sweep, in words.
            cell: Option<String>,
        }
        "Four bits (jobs that quantise a model)" {
            /// The pretrained model that a job quantises or fine-tunes, as the sweep names it.
            base_model: Option<String>,
            /// How maps are rounded that read enough: `gptq` or `nearest`.
            rounding: Option<String>,
            /// Inputs that share a scale and a zero.
            group_size: Option<u64> = "inputs",
            /// Whether inputs are rounded in the order of what they read, the loudest first.
            act_order: Option<bool>,
            /// Whether ranges are as wide below zero as above.
            symmetric: Option<bool>,
            /// Tokens that the model read while it was quantised.
            calibration_tokens: Option<u64> = "tokens",
            /// Mean divergence KL(full, four bits) of the next token's distribution, over the tokens of the evaluation.
            kl_divergence: Option<f64> = "nats",
            /// Perplexity of the model in full on the same windows as `perplexity`.
            full_perplexity: Option<f64> = "per token",
            /// The share of the full model's assignments of tokens to experts that the model in four bits makes too; mean over layers and batches.
            routing_agreement: Option<f64> = "share",
            /// What rounding changes of the maps' outputs, summed over all maps: tr(d^T H d), d the change of a map and H = 2/n sum x x^T of the n calibration tokens that it read.
            output_error: Option<f64>,
            /// `output_error` over that of rounding to the nearest numbers.
            output_error_ratio: Option<f64>,
            /// Bytes of the tensors of the model in four bits.
            model_bytes: Option<u64> = "bytes",
            /// Bytes of the tensors of the model in full.
            full_bytes: Option<u64> = "bytes",
        }
        "Fine-tuning, and answers as means over all questions of the tests" {
            /// Whether the routers are trained whole; `scorer` names those that took the place of the base's own.
            router_trained: Option<bool>,
            /// What is learned beside the base: `lora`, `none`, or where the adapters of PERFT stand, such as `perft-routed`.
            adapter: Option<String>,
            /// The rank r of the adapters.
            adapter_rank: Option<u64>,
            /// Parameters that are trained, adapters and routers together.
            trainable_params: Option<u64>,
            /// Those of them that one token's forward pass uses: of adapters of experts, and of those that have a router of their own, as many as a token is sent to.
            activated_trainable_params: Option<u64>,
            /// `activated_trainable_params` over all parameters that one token's forward pass uses, theirs included.
            activated_params_share: Option<f64> = "share",
            /// The stand-in for that share which the plots of PERFT's code have: (K / N) (r / 16) for K adapters of rank r that a token is sent to, of N.
            efficiency_proxy: Option<f64>,
            /// Memory that the estimate before the start says the trial needs: weights as they are stored, adapters with their gradients and moments, activations and logits.
            estimated_memory_bytes: Option<u64> = "bytes",
            /// Share of the questions whose right answer is the likeliest, by the log-likelihood of its text.
            accuracy: Option<f64> = "share",
            /// Share of the questions where the first answer in what the model writes is the right one.
            accuracy_generated: Option<f64> = "share",
            /// Share of the questions that who always gives the commonest right answer of a test would get: the line to beat.
            majority_accuracy: Option<f64> = "share",
        }
    }
}
