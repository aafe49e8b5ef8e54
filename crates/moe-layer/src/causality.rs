//! Whether a token's output depends on a later token of its sequence, decided here and nowhere else.

use routers::RouterConfig;

use crate::{Capacity, DropPolicyConfig, MoeConfig};

/// Whether no output of a layer depends on a later token of its own sequence.
///
/// - `looks_back`: the strategy assigns a token without looking at later ones.
/// - `most_choices`: the most experts that one token chooses.
/// - `limited`: an expert can be asked for more rows than it has room for.
#[must_use]
pub const fn is_causal(
    looks_back: bool,
    most_choices: usize,
    drop: &DropPolicyConfig,
    limited: bool,
) -> bool {
    if !looks_back || !limited {
        return looks_back;
    }
    match drop {
        DropPolicyConfig::None(_)
        | DropPolicyConfig::BatchOrder(_)
        | DropPolicyConfig::CausalPosition(_) => true,
        // First choices of later tokens stand before second choices of earlier ones.
        DropPolicyConfig::Position(_) => most_choices <= 1,
        // Larger gates of later tokens stand before smaller ones of earlier tokens.
        DropPolicyConfig::Probability(_) => false,
    }
}

impl MoeConfig {
    /// Whether no output of the layer depends on a later token of its own sequence: with
    /// [`Capacity::Training`] in a pass of training, with [`Capacity::Evaluation`] outside.
    #[must_use]
    pub fn is_causal(&self, router: &RouterConfig, capacity: Capacity) -> bool {
        let (built, router) = self.as_built(router);
        let strategy = router.strategy.rules();
        let experts = built.experts.get();
        let k = built.k_of_round().unwrap_or(built.k.get());
        let training = capacity == Capacity::Training;
        // At E / k every expert has room for every token.
        let enough = experts as f64 / strategy.top_k(k) as f64;
        let limited = built
            .room(capacity)
            .is_some_and(|factor| factor < enough && !strategy.owns_capacity());
        is_causal(
            strategy.is_causal(training),
            strategy.most_choices(k, experts),
            &built.drop,
            limited,
        )
    }
}

impl MoeConfig {
    /// Whether the capacity of training can drop an assignment that an evaluation keeps, or the other
    /// way round.
    #[must_use]
    pub fn evaluates_differently(&self, router: &RouterConfig) -> bool {
        let limited = !matches!(self.drop, DropPolicyConfig::None(_))
            && !router.strategy.rules().owns_capacity()
            && self.dense.is_none();
        limited && self.eval_capacity_factor.factor() != Some(self.capacity_factor.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Causal in training, and in evaluation, of a `[moe]` table and a `[router]` table.
    fn causal(moe: &str, router: &str) -> (bool, bool) {
        let moe: MoeConfig = toml::from_str(moe).expect("a layer");
        let router: RouterConfig = toml::from_str(router).expect("a router");
        let of = |capacity| moe.is_causal(&router, capacity);
        (of(Capacity::Training), of(Capacity::Evaluation))
    }

    #[test]
    fn what_limits_and_who_stands_first_decide() {
        let (soft, top1) = ("strategy = 'soft-top-k'", "strategy = 'top1'");
        let limit = |drop| format!("drop = '{drop}'\neval-capacity-factor = 1.25");
        assert_eq!(causal(&limit("position"), soft), (false, false));
        assert_eq!(causal(&limit("position"), top1), (true, true));
        assert_eq!(causal(&limit("batch-order"), soft), (true, true));
        assert_eq!(causal(&limit("causal-position"), soft), (true, true));
        assert_eq!(causal(&limit("probability"), top1), (false, false));
        assert_eq!(causal(&limit("none"), soft), (true, true));
        // Nothing is dropped in evaluation by default.
        assert_eq!(causal("drop = 'probability'", soft), (false, true));
        // One expert a token in each of two rounds.
        assert_eq!(causal("chain = 2", soft), (true, true));
    }

    #[test]
    fn room_for_every_token_is_no_limit() {
        // 8 experts and k = 2: a factor of 4 is room for all.
        let (soft, top1) = ("strategy = 'soft-top-k'", "strategy = 'top1'");
        assert!(causal("capacity-factor = 4", soft).0);
        assert!(!causal("capacity-factor = 3.99", soft).0);
        assert!(!causal("capacity-factor = 4\ndrop = 'probability'", top1).0);
        assert!(causal("capacity-factor = 8\ndrop = 'probability'", top1).0);
    }

    #[test]
    fn strategies_that_look_ahead_are_never_causal_but_sinkhorn_outside_training() {
        assert_eq!(causal("", "strategy = 'expert-choice'"), (false, false));
        assert_eq!(causal("", "strategy = 'soft-moe'"), (false, false));
        assert_eq!(
            causal("drop = 'none'", "strategy = 'sinkhorn'"),
            (false, true)
        );
        assert_eq!(causal("", "strategy = 'dense'"), (true, true));
        assert_eq!(
            causal("dense = 'active'", "strategy = 'expert-choice'"),
            (true, true)
        );
    }
}
