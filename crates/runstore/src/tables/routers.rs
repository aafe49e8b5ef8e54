//! Columns of `trials.parquet` about routers: how their scorers start, budgets by layer, and what became of cheaper
//! routers in their place.

/// Declares a table with these columns behind its own.
macro_rules! with_routers {
    (
        $(#[$($about:tt)+])+
        pub struct $row:ident in $table:literal, minor $minor:literal, by ($($key:ident),+) { $($own:tt)+ }
    ) => {
        $crate::tables::declare::table! {
            $(#[$($about)+])+
            pub struct $row in $table, minor $minor, by ($($key),+) {
                $($own)+
                "Settings of routers" {
                    /// Standard deviation of the logits that scorers were scaled to before training, on inputs of unit variance; null where each starts as it does.
                    initial_logit_std: Option<f64>,
                    /// Experts k of each layer, from the first on, joined by `+`, where layers differ: `top_k` and `capacity` are null then.
                    k_by_layer: Option<String>,
                }
                "Students (`[distil]`: cheaper routers in the place of the trained ones, all else as it was)" {
                    /// The scorer that was fitted to the logits of the trained ones.
                    student: Option<String>,
                    /// Parameters of all routers with that scorer.
                    student_params_router: Option<u64>,
                    /// Share of the trained routers' choices that it makes too before it is fitted: k best of k best, by the logits, on validation text; mean over layers.
                    student_agreement_fresh: Option<f64> = "share",
                    /// The same when it is fitted.
                    student_agreement: Option<f64> = "share",
                    /// Validation perplexity with it before it is fitted, on the windows of `perplexity`.
                    student_perplexity_fresh: Option<f64> = "per token",
                    /// The same when it is fitted.
                    student_perplexity: Option<f64> = "per token",
                }
            }
        }
    };
}

pub(super) use with_routers;
