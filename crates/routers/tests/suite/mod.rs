//! What every strategy owes its callers, whichever registry it stands in.
//!
//! [`conformance!`] stamps one test per property over a list of [`Case`]s.

pub(crate) mod case;
pub(crate) mod decision;
pub(crate) mod properties;

/// The whole suite over the cases that an expression gives, and over the family they come from.
macro_rules! conformance {
    ($family:ty, $cases:expr) => {
        #[test]
        fn assignments_are_well_formed() {
            $cases.iter().for_each(suite::properties::well_formed);
        }

        #[test]
        fn scores_are_there_exactly_when_the_strategy_looks_at_them() {
            $cases.iter().for_each(suite::properties::scored_as_it_says);
        }

        #[test]
        fn the_same_input_and_seed_give_the_same_decision() {
            $cases.iter().for_each(suite::properties::deterministic);
        }

        #[test]
        fn the_place_of_a_sequence_in_the_batch_does_not_matter() {
            $cases
                .iter()
                .for_each(suite::properties::indifferent_to_the_place_in_the_batch);
        }

        #[test]
        fn a_later_token_moves_earlier_ones_exactly_when_the_strategy_says_so() {
            $cases.iter().for_each(suite::properties::causal_as_it_says);
        }

        #[test]
        fn the_gates_train_the_scorer_exactly_when_the_strategy_says_so() {
            $cases
                .iter()
                .for_each(suite::properties::gradient_as_it_says);
        }

        #[test]
        fn sizes_are_refused_exactly_when_nothing_can_be_built() {
            $cases
                .iter()
                .for_each(suite::properties::accepts_just_what_it_can_build);
        }

        #[test]
        fn every_way_to_write_a_strategy_reads_back() {
            suite::properties::reads_what_it_writes::<$family>();
        }
    };
}
pub(crate) use conformance;
