//! Columns of `trials.parquet` about what routers do with text.

/// Declares a table with these columns behind its own.
macro_rules! with_analysis {
    (
        $(#[$($about:tt)+])+
        pub struct $row:ident in $table:literal, minor $minor:literal, by ($($key:ident),+) { $($own:tt)+ }
    ) => {
        $crate::tables::routers::with_routers! {
            $(#[$($about)+])+
            pub struct $row in $table, minor $minor, by ($($key),+) {
                $($own)+
                "What routers do with text (`[analysis]`; means over layers, by the first choice of a token)" {
                    /// Share of the tokens that the busiest expert gets.
                    busiest_share: Option<f64> = "share",
                    /// Tokens of the busiest expert over those of the idlest; null where an expert gets none.
                    busiest_over_idlest: Option<f64>,
                    /// Share of the spaces that the expert gets which gets most of them.
                    space_share: Option<f64> = "share",
                    /// The same of punctuation.
                    punctuation_share: Option<f64> = "share",
                    /// The same of letters, in character vocabularies.
                    letter_share: Option<f64> = "share",
                    /// Agreement of expert and class of token: `normalised` of `agreement.parquet`.
                    agreement_class: Option<f64>,
                    /// The same with experts dealt to tokens at random.
                    agreement_class_chance: Option<f64>,
                    /// Agreement of expert and role of the word, of generated text.
                    agreement_role: Option<f64>,
                    /// The same with experts dealt to tokens at random.
                    agreement_role_chance: Option<f64>,
                    /// Agreement of expert and topic of the story, of generated text.
                    agreement_topic: Option<f64>,
                    /// The same with experts dealt to tokens at random.
                    agreement_topic_chance: Option<f64>,
                }
            }
        }
    };
}

pub(super) use with_analysis;
