//! A trace on the host.

/// A trace on the host: plain numbers, sums over tokens where not said otherwise. The default is
/// that of a layer which no token has passed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LayerReading {
    /// Tokens that passed the layer; those of a chain once in each round.
    pub tokens: usize,
    /// Rounds of the chain: 1 for the plain layer.
    pub rounds: usize,
    /// Assignments per expert before drops.
    pub assignments_before: Vec<f64>,
    /// Assignments per expert after drops.
    pub assignments_after: Vec<f64>,
    /// `assignments_before` of each pass by itself, which is what capacity applies to; of a chain the
    /// sum of its rounds, each of which has its own capacity.
    pub passes_before: Vec<Vec<f64>>,
    /// `assignments_after` of each pass by itself.
    pub passes_after: Vec<Vec<f64>>,
    /// Rows that the experts worked on.
    pub rows: f64,
    /// Sum of final gates per expert.
    pub gates: Vec<f64>,
    /// Tokens that reached no expert; `None` for soft assignments.
    pub unrouted: Option<f64>,
    /// Sum over tokens of the entropy (nats) of the router's probabilities of all experts; `None`
    /// where it has none.
    pub router_entropy: Option<f64>,
    /// Sum over tokens of the entropy (nats) of the renormalised gates before drops; `None` where
    /// they are not listed by token, or equal by construction.
    pub gate_entropy: Option<f64>,
    /// Tokens that have gates: those behind `gate_entropy`.
    pub gated: Option<f64>,
    /// Sum over assignments before drops of the chosen expert's probability; `None` where the router
    /// has none.
    pub chosen_prob: Option<f64>,
    /// Sum over tokens of the largest probability of any expert; `None` where the router has none.
    pub largest_prob: Option<f64>,
    /// Number of assignments behind `chosen_prob`.
    pub chosen: usize,
}

impl LayerReading {
    /// The same with all passes taken for one.
    #[must_use]
    pub fn as_one_pass(self) -> Self {
        Self {
            passes_before: vec![self.assignments_before.clone()],
            passes_after: vec![self.assignments_after.clone()],
            ..self
        }
    }
}
