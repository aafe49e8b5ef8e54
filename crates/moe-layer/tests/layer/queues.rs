//! Who stands where in the queues of experts, by hand.

use burn::tensor::{Device, Int, Tensor};
use moe_layer::{
    BatchOrderConfig, Capacity, CapacityLimit, CausalPositionConfig, DispatchPlan,
    DispatcherConfig, DropPolicyConfig, MoeConfig, PlanDims, PlanKind, PositionConfig,
    ProbabilityConfig, decisions,
};
use registry::PositiveF64;
use routers::{Assignment, Routing, Sequences};
use testkit::{integers, normal, uniform};

use crate::common::{config, members};

fn choice<const T: usize, const K: usize>(experts: [[i32; K]; T]) -> Assignment {
    let device = Device::flex();
    Assignment::TokenChoice {
        experts_tk: Tensor::<2, Int>::from_ints(experts, &device),
        gates_tk: Tensor::full([T, K], 1.0 / K as f64, &device),
    }
}

/// Which assignments survive, token by token.
fn kept(assignment: &Assignment, config: &MoeConfig, dims: &PlanDims) -> Vec<bool> {
    let plan = DispatchPlan::new(assignment, config, dims);
    let PlanKind::ByToken { experts_tk, .. } = plan.kind else {
        panic!("planned by token");
    };
    let experts = config.experts.get() as i64;
    experts_tk
        .into_data()
        .iter::<i64>()
        .map(|expert| expert < experts)
        .collect()
}

fn pass(tokens: usize, sequences: usize, top_k: usize) -> PlanDims {
    PlanDims {
        sequences: Sequences::equal(sequences, tokens / sequences),
        top_k,
        capacity: Capacity::Training,
    }
}

fn room(experts: usize, k: usize, factor: f64, drop: impl Into<DropPolicyConfig>) -> MoeConfig {
    config(experts, k, factor, drop.into(), DispatcherConfig::default())
}

/// E = 3, k = 2, T = 2, C = ceil(0.75 * 2 * 2 / 3) = 1. Token 0 chooses (0, 1); whether it keeps expert
/// 1 depends on the later token's first choice under `position` alone.
#[test]
fn a_second_choice_loses_to_a_later_first_choice_under_position_alone() {
    let (wanted, left) = (choice([[0, 1], [1, 2]]), choice([[0, 1], [2, 0]]));
    let first = |drop: DropPolicyConfig, assignment| {
        let kept = kept(assignment, &room(3, 2, 0.75, drop), &pass(2, 1, 2));
        (kept[0], kept[1])
    };
    let position: DropPolicyConfig = PositionConfig::default().into();
    assert_eq!(first(position.clone(), &wanted), (true, false));
    assert_eq!(first(position, &left), (true, true));
    let causal: [DropPolicyConfig; 2] = [
        CausalPositionConfig::default().into(),
        BatchOrderConfig::default().into(),
    ];
    for drop in causal {
        assert_eq!(
            first(drop.clone(), &wanted),
            (true, true),
            "{}",
            drop.name()
        );
        assert_eq!(first(drop.clone(), &left), (true, true), "{}", drop.name());
    }
}

/// Two sequences of three tokens that all want expert 0 of two, with room for
/// ceil(1.0 * 6 * 1 / 2) = 3: place 0 of both, then place 1 of the first.
#[test]
fn sequences_share_what_is_dropped_side_by_side() {
    let all = choice([[0]; 6]);
    let dims = pass(6, 2, 1);
    let side_by_side = kept(
        &all,
        &room(2, 1, 1.0, CausalPositionConfig::default()),
        &dims,
    );
    assert_eq!(side_by_side, [true, true, false, true, false, false]);
    let in_turn = kept(&all, &room(2, 1, 1.0, PositionConfig::default()), &dims);
    assert_eq!(in_turn, [true, true, true, false, false, false]);
}

/// With one choice a token and one sequence the three orders by place are one.
#[test]
fn one_choice_of_one_sequence_is_in_one_order() {
    let device = Device::flex();
    for seed in 0..5 {
        let assignment = Assignment::TokenChoice {
            experts_tk: integers([20, 1], 4, seed, &device),
            gates_tk: Tensor::ones([20, 1], &device),
        };
        let of =
            |drop: DropPolicyConfig| kept(&assignment, &room(4, 1, 0.8, drop), &pass(20, 1, 1));
        let expected = of(PositionConfig::default().into());
        assert!(expected.contains(&false), "something is dropped");
        assert_eq!(of(BatchOrderConfig::default().into()), expected);
        assert_eq!(of(CausalPositionConfig::default().into()), expected);
    }
}

/// The same choices as a list of k experts and as a set: every policy keeps the same assignments, and
/// the decisions that are told are the same.
#[test]
fn a_set_of_choices_queues_as_the_list_of_them() {
    let device = Device::flex();
    let (tokens, experts, k) = (24, 6, 3);
    for seed in 0..5 {
        let scores_te = uniform([tokens, experts], 0.1, 1.0, seed, &device);
        let experts_tk = kernels::top_k(scores_te.clone(), k);
        let gates_tk = scores_te.clone().gather(1, experts_tk.clone());
        let least_t1 = gates_tk.clone().narrow(1, k - 1, 1);
        let set = Assignment::Variable {
            gates_te: scores_te.clone(),
            chosen_te: scores_te.greater_equal(least_t1.expand([tokens, experts])),
        };
        let list = Assignment::TokenChoice {
            experts_tk,
            gates_tk,
        };
        for drop in members::<DropPolicyConfig>() {
            let name = drop.name();
            let config = room(experts, k, 0.7, drop);
            let told = |assignment: &Assignment| {
                let plan = DispatchPlan::new(assignment, &config, &pass(tokens, 2, k));
                decisions(&Routing::new(None, assignment.clone()), &plan)
            };
            let (from_set, from_list) = (told(&set), told(&list));
            assert_eq!(from_set, from_list, "{name}");
            let dropped = from_list.iter().any(|decision| !decision.kept);
            assert_eq!(dropped, name != "none", "{name}");
        }
    }
}

/// Evaluation keeps all by default, and has a factor of its own where it is given one.
#[test]
fn evaluation_has_its_own_room() {
    let all = choice([[0]; 6]);
    let evaluation = PlanDims {
        capacity: Capacity::Evaluation,
        ..pass(6, 1, 1)
    };
    for drop in members::<DropPolicyConfig>() {
        let unlimited = room(2, 1, 1.0, drop);
        let plan = DispatchPlan::new(&all, &unlimited, &evaluation);
        assert_eq!(plan.capacity, None);
        assert_eq!(kept(&all, &unlimited, &evaluation), [true; 6]);
    }
    // ceil(1.5 * 6 / 2) = 5 where training has room for 3.
    let wider = MoeConfig {
        eval_capacity_factor: CapacityLimit(Some(PositiveF64::new(1.5))),
        ..room(2, 1, 1.0, ProbabilityConfig::default())
    };
    let count = |dims: &PlanDims| {
        kept(&all, &wider, dims)
            .iter()
            .filter(|&&kept| kept)
            .count()
    };
    assert_eq!(count(&evaluation), 5);
    assert_eq!(count(&pass(6, 1, 1)), 3);
}

/// Nothing is dropped, so there is nothing to restore: renormalisation leaves every gate.
#[test]
fn renormalisation_has_nothing_to_do_in_evaluation() {
    let device = Device::flex();
    let scores_te = normal([12, 4], 3, &device);
    let gates_tk = uniform([12, 2], 0.1, 0.5, 4, &device);
    let assignment = Assignment::TokenChoice {
        experts_tk: kernels::top_k(scores_te, 2),
        gates_tk: gates_tk.clone(),
    };
    let dims = PlanDims {
        capacity: Capacity::Evaluation,
        ..pass(12, 1, 2)
    };
    let config = room(4, 2, 0.5, PositionConfig::default());
    assert!(config.renormalise);
    let plan = DispatchPlan::new(&assignment, &config, &dims);
    let PlanKind::ByToken { gates_tk: last, .. } = plan.kind else {
        panic!("planned by token");
    };
    testkit::assert_same(last, gates_tk);
}
