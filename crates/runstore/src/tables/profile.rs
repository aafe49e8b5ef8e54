//! `profile.parquet`.

use super::declare::table;

table! {
    /// One row a span of a training step: a phase, a part of the model, or an operation of the CPU, equal ones below the same others added up; times and work are of one step, the mean over those that were listened to.
    pub struct ProfileRow in "profile", minor 0, by (precision, place) {
        "Identity" {
            /// The precision that was asked for: `f32` or `bf16`.
            precision: String,
            /// The place in the order of the step, each span before what is inside it, from 0.
            place: u64,
            /// The names from the step down to the span, with `/` between them.
            path: String,
            /// The span's own name.
            name: String,
            /// How many spans it is inside of.
            depth: u64,
            /// Whether it is an operation: it has work of its own and nothing inside.
            operation: bool,
            /// The sizes: `smoke`, `sweep`, `cpu` or `paper`.
            scale: String,
        }
        "Time" {
            /// How often in a step.
            calls: Option<f64>,
            /// With all that is inside.
            ms: Option<f64> = "ms",
            /// Without what is inside: of a part, the operations that have no span (sums, views, the graph).
            own_ms: Option<f64> = "ms",
            /// `own_ms` over the step's time.
            own_share: Option<f64>,
        }
        "Work" {
            /// Multiplications and additions of its products, that of what is inside not counted.
            flops: Option<f64>,
            /// Bytes of its tensors that it must read and write, each once.
            bytes: Option<f64> = "bytes",
            /// Its products over its time, of an operation that has some.
            gflop_per_s: Option<f64> = "GFLOP/s",
            /// Its bytes over its time, of an operation.
            gb_per_s: Option<f64> = "GB/s",
        }
        "Step" {
            /// Tokens in a step.
            tokens: u64,
            /// Median of the steps that were listened to.
            heard_ms: Option<f64> = "ms",
            /// Median of as many steps that nobody listened to, in turn with those.
            step_ms: Option<f64> = "ms",
            /// What a step would take if all its products ran at the measured rate, and then all its bytes.
            floor_ms: Option<f64> = "ms",
            /// Page faults of a step that nobody listened to: fresh memory that the system cleared.
            page_faults: Option<f64>,
            /// The rate of a large product, measured before the steps.
            product_gflop_per_s: Option<f64> = "GFLOP/s",
            /// The rate of a large copy, bytes read and written, measured before the steps.
            copy_gb_per_s: Option<f64> = "GB/s",
        }
        "Conditions" {
            /// The precision that was multiplied in: `f32` where the device has no bf16 products.
            ours_precision: String,
            /// Steps of either kind.
            steps: u64,
            /// Threads that computed.
            threads: u64,
            /// Load average over one minute before.
            load_before: Option<f64>,
            /// Load average over one minute after.
            load_after: Option<f64>,
        }
        "Provenance" {
            /// When it was started, UTC, RFC 3339.
            started_at: String,
            /// A short digest of the machine's name.
            host: String,
            /// The version of the program.
            xp_version: String,
            /// The commit of the source.
            git_sha: Option<String>,
            /// Whether source files differed from the commit.
            git_dirty: Option<bool>,
            /// The version of Burn.
            burn_version: Option<String>,
            /// The processor's model.
            cpu_model: Option<String>,
            /// Cores that the process may use.
            cores: Option<u64>,
        }
    }
}
