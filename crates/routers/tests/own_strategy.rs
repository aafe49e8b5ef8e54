//! A strategy of one's own is one file (`own_strategy/first_expert.rs`) and one line (in the list
//! below), and then owes what the product's own strategies owe.

#[path = "own_strategy/first_expert.rs"]
mod first_expert;
mod suite;

use burn::tensor::Device;
use first_expert::{FirstExpert, FirstExpertConfig};
use routers::{SoftTopKConfig, Top1Config, TopK};
use suite::{
    case::{composed, inputs, sizes},
    conformance,
    decision::decision,
};

routers::strategies! {
    pub(crate) OwnConfig => Own {
        /// Experts `0..k`, whatever the token.
        FirstExpert(FirstExpertConfig => FirstExpert) = "first-expert" | "first",
        /// One of the product's, to show that both can stand in a list.
        SoftTopK(SoftTopKConfig => TopK) = "soft-top-k",
        /// Another, whose k is its own.
        Top1(Top1Config => TopK) = "top1",
    }
}

conformance!(OwnConfig, composed(OwnConfig::rules));

#[test]
fn the_registry_knows_the_new_name() {
    let names: Vec<_> = OwnConfig::MEMBERS
        .iter()
        .map(|member| member.name)
        .collect();
    assert_eq!(names, ["first-expert", "soft-top-k", "top1"]);
    assert_eq!(
        OwnConfig::MEMBERS[0].summary,
        "Experts `0..k`, whatever the token."
    );
}

#[test]
fn the_rule_is_the_one_of_the_file() {
    let device = Device::flex();
    let cases = composed(OwnConfig::rules);
    let own = (cases[0].build)(&sizes(4, 2), &device);
    let routing = own.route(&inputs(1, 3, 1, &device));
    let expected = vec![vec![(0, 0.5f32), (1, 0.5)]; 3];
    assert_eq!(decision(&routing.assignment, 3), expected);
}
