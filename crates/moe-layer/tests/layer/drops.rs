//! Hand-worked capacities, drops and renormalised gates.

use crate::common::config;
use burn::tensor::{Device, Int, Tensor};
use moe_layer::{
    DispatchPlan, DispatcherConfig, DropPolicyConfig, MoeConfig, NoneConfig, PlanKind,
    PositionConfig, ProbabilityConfig, RoutingTrace, decisions,
};
use routers::{Assignment, GateRule, Routing, ScoreFunction, Scores};

/// Four tokens, two experts of three chosen each; everybody's first choice is expert 0 but the
/// last token's.
///
/// | token | first (gate) | second (gate) |
/// |---|---|---|
/// | 0 | 0 (0.6) | 1 (0.4) |
/// | 1 | 0 (0.9) | 2 (0.1) |
/// | 2 | 0 (0.7) | 1 (0.3) |
/// | 3 | 1 (0.8) | 0 (0.2) |
fn assignment() -> Assignment {
    let device = Device::flex();
    Assignment::TokenChoice {
        experts_tk: Tensor::<2, Int>::from_ints([[0, 1], [0, 2], [0, 1], [1, 0]], &device),
        gates_tk: Tensor::from_floats([[0.6, 0.4], [0.9, 0.1], [0.7, 0.3], [0.8, 0.2]], &device),
    }
}

/// Capacity ceil(0.75 * 4 * 2 / 3) = 2.
fn room_for_two(drop: impl Into<DropPolicyConfig>) -> MoeConfig {
    config(3, 2, 0.75, drop.into(), DispatcherConfig::default())
}

fn plan(config: &MoeConfig) -> DispatchPlan {
    crate::common::planned(&assignment(), config, 4, 2)
}

fn parts(plan: &DispatchPlan) -> (Vec<i32>, Vec<f32>) {
    let PlanKind::ByToken {
        experts_tk,
        gates_tk,
        ..
    } = &plan.kind
    else {
        panic!("a token choice is planned by token");
    };
    let experts = experts_tk.clone().into_data().try_to_vec().unwrap();
    (experts, gates_tk.clone().into_data().try_to_vec().unwrap())
}

fn close(actual: &[f32], expected: &[f32]) {
    let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-6;
    assert!(
        actual.iter().zip(expected).all(near),
        "{actual:?} instead of {expected:?}"
    );
}

#[test]
fn position_keeps_early_tokens_and_all_first_choices_before_any_second() {
    let plan = plan(&room_for_two(PositionConfig::default()));
    assert_eq!(plan.capacity, Some(2));
    let (experts, gates) = parts(&plan);
    // Expert 0's queue: first choices of 0, 1, 2, then the second of 3; two fit.
    // Expert 1's queue: first choice of 3, then the seconds of 0 and 2; two fit: 3 and 0.
    assert_eq!(experts, [0, 1, 0, 2, 3, 3, 1, 3]);
    // Token 2 lost all; token 3 lost 0.2, so its kept 0.8 grows to 1.
    close(&gates, &[0.6, 0.4, 0.9, 0.1, 0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn probability_keeps_the_largest_gates() {
    let (experts, gates) = parts(&plan(&room_for_two(ProbabilityConfig::default())));
    // Expert 0: 0.9 (1), 0.7 (2) stay, 0.6 (0) and 0.2 (3) go.
    // Expert 1: 0.8 (3), 0.4 (0) stay, 0.3 (2) goes.
    assert_eq!(experts, [3, 1, 0, 2, 0, 3, 1, 3]);
    close(&gates, &[0.0, 1.0, 0.9, 0.1, 1.0, 0.0, 1.0, 0.0]);
}

#[test]
fn nothing_is_dropped_without_a_limit() {
    let plan = plan(&room_for_two(NoneConfig::default()));
    assert_eq!(plan.capacity, None);
    let (experts, gates) = parts(&plan);
    assert_eq!(experts, [0, 1, 0, 2, 0, 1, 1, 0]);
    close(&gates, &[0.6, 0.4, 0.9, 0.1, 0.7, 0.3, 0.8, 0.2]);
}

#[test]
fn without_renormalisation_kept_gates_stay_as_they_are() {
    let config = MoeConfig {
        renormalise: false,
        ..room_for_two(PositionConfig::default())
    };
    close(
        &parts(&plan(&config)).1,
        &[0.6, 0.4, 0.9, 0.1, 0.0, 0.0, 0.8, 0.0],
    );
}

#[test]
fn renormalisation_restores_the_sum_and_not_one() {
    // A top-1 gate of 0.3 must stay 0.3: that it is not 1 is what trains the router.
    let device = Device::flex();
    let assignment = Assignment::TokenChoice {
        experts_tk: Tensor::<2, Int>::from_ints([[0], [1]], &device),
        gates_tk: Tensor::from_floats([[0.3], [0.5]], &device),
    };
    let config = config(
        2,
        1,
        1.0,
        PositionConfig::default().into(),
        DispatcherConfig::default(),
    );
    let plan = crate::common::planned(&assignment, &config, 2, 1);
    close(&parts(&plan).1, &[0.3, 0.5]);
}

#[test]
fn the_trace_counts_what_happened() {
    let device = Device::flex();
    let plan = plan(&room_for_two(PositionConfig::default()));
    let logits_te = Tensor::zeros([4, 3], &device);
    let routing = Routing::new(
        Some(Scores::new(
            logits_te,
            ScoreFunction::Softmax,
            GateRule::Raw,
        )),
        assignment(),
    );
    let reading = RoutingTrace::new(&routing, &plan).read();
    assert_eq!(reading.tokens, 4);
    assert_eq!(reading.assignments_before, [4.0, 3.0, 1.0]);
    assert_eq!(reading.assignments_after, [2.0, 2.0, 1.0]);
    assert_eq!(reading.unrouted, Some(1.0));
    // Four tokens of entropy ln 3; eight choices of probability 1/3.
    let near = |value: Option<f64>, expected: f64| (value.unwrap() - expected).abs() < 1e-5;
    assert!(near(reading.router_entropy, 4.0 * 3f64.ln()));
    assert!(near(reading.chosen_prob, 8.0 / 3.0));
    assert!(near(reading.largest_prob, 4.0 / 3.0));
    assert_eq!(reading.chosen, 8);
    // -(0.6 ln 0.6 + 0.4 ln 0.4) - (0.9 ln 0.9 + 0.1 ln 0.1) - ... over the gates before drops.
    let entropy = |p: f64| -(p * p.ln() + (1.0 - p) * (1.0 - p).ln());
    let expected: f64 = [0.6, 0.9, 0.7, 0.8].into_iter().map(entropy).sum();
    assert!(near(reading.gate_entropy, expected));
    // 0.6 + 0.9 on expert 0, 0.4 + 1.0 on expert 1, 0.1 on expert 2.
    for (sum, expected) in reading.gates.iter().zip([1.5, 1.4, 0.1]) {
        assert!((sum - expected).abs() < 1e-6, "{:?}", reading.gates);
    }
}

#[test]
fn a_trace_adds_up_and_survives_a_checkpoint() {
    let plan = plan(&room_for_two(PositionConfig::default()));
    let routing = Routing::new(None, assignment());
    let trace = RoutingTrace::new(&routing, &plan);
    let once = trace.clone().read();
    assert_eq!(once.router_entropy, None, "nothing was scored");
    assert_eq!(once.largest_prob, None, "nothing was scored");
    let host = trace.clone().into_host();
    assert_eq!(host.len(), RoutingTrace::HOST_TENSORS);
    let restored = RoutingTrace::from_host(host, &Device::flex());
    assert_eq!(restored.clone().read(), once);
    let twice = trace.merge(restored).read();
    assert_eq!(twice.tokens, 8);
    assert_eq!(twice.assignments_before, [8.0, 6.0, 2.0]);
}

#[test]
fn decisions_list_every_assignment_with_its_fate() {
    let plan = plan(&room_for_two(PositionConfig::default()));
    let routing = Routing::new(None, assignment());
    let list = decisions(&routing, &plan);
    let short: Vec<_> = list
        .iter()
        .map(|d| (d.token, d.choice, d.expert, d.kept))
        .collect();
    assert_eq!(
        short,
        [
            (0, 0, 0, true),
            (0, 1, 1, true),
            (1, 0, 0, true),
            (1, 1, 2, true),
            (2, 0, 0, false),
            (2, 1, 1, false),
            (3, 0, 1, true),
            (3, 1, 0, false),
        ]
    );
}

#[test]
fn expert_choice_decisions_are_listed_by_token() {
    let device = Device::flex();
    // Expert 0 takes tokens 2 and 0, expert 1 takes 2 and 1; token 3 is taken by nobody.
    let assignment = Assignment::ExpertChoice {
        tokens_ec: Tensor::<2, Int>::from_ints([[2, 0], [2, 1]], &device),
        gates_ec: Tensor::from_floats([[0.9, 0.5], [0.8, 0.7]], &device),
    };
    let config = config(
        2,
        1,
        1.0,
        DropPolicyConfig::default(),
        DispatcherConfig::default(),
    );
    let plan = crate::common::planned(&assignment, &config, 4, 1);
    let routing = Routing::new(None, assignment);
    let short: Vec<_> = decisions(&routing, &plan)
        .iter()
        .map(|d| (d.token, d.choice, d.expert, d.gate))
        .collect();
    assert_eq!(
        short,
        [
            (0, 0, 0, 0.5),
            (1, 0, 1, 0.7),
            (2, 0, 0, 0.9),
            (2, 1, 1, 0.8)
        ]
    );
    let reading = RoutingTrace::new(&routing, &plan).read();
    assert_eq!(reading.unrouted, Some(1.0));
    assert_eq!(reading.gate_entropy, None);
}
