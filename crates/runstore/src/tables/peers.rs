//! `peers.parquet`.

use super::declare::table;

table! {
    /// One row a comparison: a case of ours and one PyTorch program that does the same, timed in turn in one run.
    pub struct PeerRow in "peers", minor 0, by (case, precision, variant) {
        "Identity" {
            /// What is compared: `step`, `layer`, `ffn`, or rows that are packed and combined, such as `rows/compact/forward/t8192-d256-e8`.
            case: String,
            /// The precision that was asked of both: `f32` or `bf16`.
            precision: String,
            /// The PyTorch program: `loop`, `bmm`, `grouped`, `dense`, `index` or `gather`, with `+compile` under torch.compile.
            variant: String,
            /// The sizes: `smoke`, `sweep`, `cpu` or `paper`.
            scale: String,
            /// The device as it was asked for, such as `cpu` or `cuda:0`.
            device: String,
            /// `timed`; `unavailable` where this PyTorch cannot; `disagrees` where results differ by more than the tolerance; `failed`.
            status: String,
            /// Why it was not timed.
            reason: Option<String>,
        }
        "Sizes" {
            /// Tokens T in one sample.
            tokens: u64,
            /// Model width D.
            dim: u64,
            /// Hidden width F of one expert, or of the dense network.
            hidden: Option<u64>,
            /// Experts E in a layer.
            experts: Option<u64>,
            /// Experts k a token is sent to.
            top_k: Option<u64>,
            /// Slots C of an expert.
            capacity: Option<u64> = "tokens",
            /// Decoder layers.
            layers: Option<u64>,
            /// Attention heads.
            heads: Option<u64>,
            /// Tokens in a window.
            sequence: Option<u64> = "tokens",
            /// Windows in a batch.
            batch: Option<u64> = "windows",
            /// Token ids that the model knows.
            vocab: Option<u64>,
        }
        "Time" {
            /// Our median over the samples.
            ours_ms: Option<f64> = "ms",
            /// A tenth of our samples is below.
            ours_ms_p10: Option<f64> = "ms",
            /// A tenth of our samples is above.
            ours_ms_p90: Option<f64> = "ms",
            /// The peer's median over the samples.
            theirs_ms: Option<f64> = "ms",
            /// A tenth of the peer's samples is below.
            theirs_ms_p10: Option<f64> = "ms",
            /// A tenth of the peer's samples is above.
            theirs_ms_p90: Option<f64> = "ms",
            /// The peer's median over ours: above 1 we are faster.
            ratio: Option<f64>,
            /// Timed samples of each side.
            samples: u64,
            /// Samples of each side before those.
            warmup: u64,
        }
        "Rates" {
            /// Our tokens a second.
            ours_tokens_per_s: Option<f64> = "tokens/s",
            /// The peer's tokens a second.
            theirs_tokens_per_s: Option<f64> = "tokens/s",
            /// Our arithmetic on the experts' (or the dense network's) products alone, 12 T k D F a sample.
            ours_tflop_per_s: Option<f64> = "TFLOP/s",
            /// The peer's arithmetic on the same.
            theirs_tflop_per_s: Option<f64> = "TFLOP/s",
            /// Bytes that packing and combining must read and write, each once.
            bytes_moved: Option<u64> = "bytes",
            /// Our bytes a second.
            ours_gb_per_s: Option<f64> = "GB/s",
            /// The peer's bytes a second.
            theirs_gb_per_s: Option<f64> = "GB/s",
            /// Bytes a second of a plain copy of as many bytes with the same threads, timed in turn with both.
            memcpy_gb_per_s: Option<f64> = "GB/s",
            /// Our part of the plain copy's speed.
            ours_memcpy_share: Option<f64>,
            /// The peer's part of the plain copy's speed.
            theirs_memcpy_share: Option<f64>,
        }
        "Agreement" {
            /// The precision that we multiplied in: `f32` where the device has no bf16 products.
            ours_precision: String,
            /// The largest difference in any output or gradient, over the largest magnitude of that tensor.
            worst_difference: Option<f64>,
            /// The tensor that it was found in.
            worst_tensor: Option<String>,
            /// The difference above which the case fails.
            tolerance: Option<f64>,
        }
        "Conditions" {
            /// Threads of each side.
            threads: u64,
            /// Load average over one minute before the case.
            load_before: Option<f64>,
            /// Load average over one minute after the case.
            load_after: Option<f64>,
            /// The peer's use of the processor while we were timed, in cores: what it took from us.
            peer_idle_cores: Option<f64> = "cores",
            /// The version of PyTorch.
            torch: Option<String>,
            /// The version of Python.
            python: Option<String>,
            /// The device's own name, as PyTorch tells it.
            device_name: Option<String>,
        }
        "Provenance" {
            /// When the case was started, UTC, RFC 3339.
            started_at: String,
            /// A short digest of the machine's name.
            host: String,
            /// The version of the program.
            xp_version: String,
            /// The commit of the source.
            git_sha: Option<String>,
            /// Whether source files differed from the commit.
            git_dirty: Option<bool>,
            /// The compiler.
            rustc: Option<String>,
            /// The version of Burn.
            burn_version: Option<String>,
            /// The processor's model.
            cpu_model: Option<String>,
            /// Cores that the process may use.
            cores: Option<u64>,
        }
    }
}
