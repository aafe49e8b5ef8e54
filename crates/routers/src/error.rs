//! What makes a router impossible to build.

/// What makes a router impossible to build.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RouterError {
    /// A router without experts.
    #[error("{what}: experts must be at least 1, got 0")]
    NoExperts {
        /// The member that refused.
        what: &'static str,
    },
    /// More experts per token than there are, or none.
    #[error(
        "{what}: k must be from 1 to the number of experts, got k = {k} with {experts} experts"
    )]
    TopK {
        /// The member that refused.
        what: &'static str,
        /// Experts per token.
        k: usize,
        /// Experts.
        experts: usize,
    },
    /// A score function, gate rule or balancer that the strategy cannot have.
    #[error("{what}: {setting} = {value:?} does not fit: {why}")]
    Switch {
        /// The member that refused.
        what: &'static str,
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: &'static str,
        /// Why not.
        why: &'static str,
    },
    /// Settings of a member that do not go with the sizes or with each other.
    #[error("{what}: {problem}")]
    Setting {
        /// The member that refused.
        what: &'static str,
        /// What does not go together, and what would.
        problem: String,
    },
    /// Rounds of a chain that do not share k evenly.
    #[error("chain: {rounds} rounds cannot share k = {k} evenly; make k a multiple of the rounds")]
    Chain {
        /// Experts per token.
        k: usize,
        /// Rounds.
        rounds: usize,
    },
    /// A strategy that routes by token id, without any.
    #[error("{what}: routes by token id and needs a vocabulary of at least 1, got 0")]
    NoVocabulary {
        /// The member that refused.
        what: &'static str,
    },
}
