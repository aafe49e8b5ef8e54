//! The properties, each a function of a case that fails with the case's name.

use std::fmt::Debug;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use registry::Variant;
use routers::{Assignment, RouteInput, Routing};
use serde::{Serialize, de::DeserializeOwned};
use testkit::{F32_SUM, assert_close, normal};

use super::{
    case::{Case, Subject, inputs, sizes},
    decision::{decision, difference},
};

/// Sequences, their length, E and k: one of everything, all experts, more than eight picks.
const SHAPES: &[(usize, usize, usize, usize)] = &[
    (1, 1, 1, 1),
    (1, 1, 4, 2),
    (2, 3, 1, 1),
    (2, 5, 4, 4),
    (3, 7, 5, 2),
    (1, 16, 12, 10),
    (1, 3, 12, 12),
];

fn flat_gates(assignment: &Assignment) -> Tensor<1> {
    match assignment {
        Assignment::TokenChoice { gates_tk, .. } => gates_tk.clone().flatten(0, 1),
        Assignment::Variable {
            gates_te,
            chosen_te,
        } => gates_te
            .clone()
            .mask_fill(chosen_te.clone().bool_not(), 0.0)
            .flatten(0, 1),
        Assignment::ExpertChoice { gates_ec, .. } => gates_ec.clone().flatten(0, 1),
        Assignment::Soft {
            dispatch_tes,
            combine_tes,
        } => Tensor::cat(vec![dispatch_tes.clone(), combine_tes.clone()], 0).flatten(0, 2),
    }
}

/// Shapes, ranges, distinct picks, gates that are numbers, and the load that the decision says.
pub(crate) fn well_formed(case: &Case) {
    let device = Device::flex();
    for &(sequences, length, experts, k) in SHAPES {
        let name = format!(
            "{}, B {sequences}, L {length}, E {experts}, k {k}",
            case.name
        );
        let tokens = sequences * length;
        let subject = (case.build)(&sizes(experts, k), &device);
        let Routing { assignment, .. } = subject.route(&inputs(sequences, length, 1, &device));

        let gates = flat_gates(&assignment);
        assert_eq!(gates.dtype(), DType::F32, "{name}: gates are f32");
        for gate in gates.into_data().iter::<f32>() {
            assert!(gate.is_finite() && gate >= 0.0, "{name}: a gate of {gate}");
        }
        // What follows is about choices; the weights of a soft assignment are all there is to it.
        if let Assignment::Soft {
            dispatch_tes,
            combine_tes,
        } = &assignment
        {
            assert_eq!(dispatch_tes.dims()[..2], [tokens, experts], "{name}");
            assert_eq!(combine_tes.dims(), dispatch_tes.dims(), "{name}");
            continue;
        }
        match &assignment {
            Assignment::TokenChoice {
                experts_tk,
                gates_tk,
            } => {
                assert_eq!(experts_tk.dims(), [tokens, (case.top_k)(k)], "{name}");
                assert_eq!(gates_tk.dims(), experts_tk.dims(), "{name}");
            }
            Assignment::Variable {
                gates_te,
                chosen_te,
            } => {
                assert_eq!(gates_te.dims(), [tokens, experts], "{name}");
                assert_eq!(chosen_te.dims(), gates_te.dims(), "{name}");
            }
            Assignment::ExpertChoice {
                tokens_ec,
                gates_ec,
            } => {
                assert_eq!(tokens_ec.dims()[0], experts, "{name}");
                assert!(
                    case.owns_capacity,
                    "{name}: experts choose how many they take"
                );
                assert_eq!(gates_ec.dims(), tokens_ec.dims(), "{name}");
            }
            Assignment::Soft { .. } => unreachable!("handled above"),
        }
        let mut load = vec![0.0f32; experts];
        for (token, choices) in decision(&assignment, tokens).into_iter().enumerate() {
            for (at, &(expert, _)) in choices.iter().enumerate() {
                assert!(expert < experts, "{name}: token {token} goes to {expert}");
                let twice = at > 0 && choices[at - 1].0 == expert;
                assert!(!twice, "{name}: token {token} goes to {expert} twice");
                load[expert] += 1.0;
            }
        }
        let said: Vec<f32> = assignment.load(experts).into_data().iter::<f32>().collect();
        assert_eq!(said, load, "{name}: the load");
    }
}

/// Scores are f32 and sum to one where the strategy needs them, and absent elsewhere; parameters
/// are as many as were announced.
pub(crate) fn scored_as_it_says(case: &Case) {
    let device = Device::flex().autodiff();
    let dims = sizes(5, 2);
    let subject = (case.build)(&dims, &device);
    let announced = (case.num_params)(&dims);
    assert_eq!(subject.parameters(), announced, "{}: parameters", case.name);
    // The converse does not hold: there are scorers without parameters.
    assert!(
        announced == 0 || case.facts.gate_gradient || case.facts.needs_scores,
        "{}: parameters",
        case.name
    );

    let routing = subject.route(&inputs(2, 4, 1, &device));
    assert_eq!(
        routing.scores.is_some(),
        case.facts.needs_scores,
        "{}: scores",
        case.name
    );
    if let Some(scores) = routing.scores {
        assert_eq!(scores.logits_te.dims(), [8, 5], "{}", case.name);
        assert_eq!(scores.probs_te.dtype(), DType::F32, "{}", case.name);
        assert_close(
            scores.probs_te.sum_dim(1),
            Tensor::ones([8, 1], &device),
            F32_SUM,
        );
    }
}

pub(crate) fn deterministic(case: &Case) {
    let device = Device::flex();
    let subject = (case.build)(&sizes(5, 2), &device);
    let input = inputs(3, 7, 1, &device);
    let decide = || decision(&subject.route(&input).assignment, 21);
    assert_eq!(decide(), decide(), "{}", case.name);
}

/// The batch with its sequences in another order.
fn reordered(input: &RouteInput, order: &[usize]) -> (RouteInput, Vec<usize>) {
    let length = input.tokens() / input.sequences.count();
    let tokens: Vec<usize> = order
        .iter()
        .flat_map(|&sequence| sequence * length..(sequence + 1) * length)
        .collect();
    let index: Vec<i32> = tokens.iter().map(|&token| token as i32).collect();
    let index =
        Tensor::<1, Int>::from_data(TensorData::new(index, [tokens.len()]), &input.x_td.device());
    let moved = RouteInput {
        x_td: input.x_td.clone().select(0, index.clone()),
        token_ids_t: input.token_ids_t.clone().select(0, index),
        ..input.clone()
    };
    (moved, tokens)
}

/// Sequences routed in another order are routed alike, in training and outside. A strategy that
/// draws noise deals it out by place, so there is nothing to hold it to while it does.
pub(crate) fn indifferent_to_the_place_in_the_batch(case: &Case) {
    let device = Device::flex();
    let subject = (case.build)(&sizes(5, 2), &device);
    for training in [true, false] {
        let input = RouteInput {
            training,
            ..inputs(4, 5, 1, &device)
        };
        let other_noise = RouteInput {
            noise_seed: 8,
            ..input.clone()
        };
        let first = decision(&subject.route(&input).assignment, 20);
        let draws = first != decision(&subject.route(&other_noise).assignment, 20);
        if draws {
            continue;
        }
        let (moved, tokens) = reordered(&input, &[2, 0, 3, 1]);
        let second = decision(&subject.route(&moved).assignment, 20);
        let expected: Vec<_> = tokens.iter().map(|&token| first[token].clone()).collect();
        assert_eq!(difference(&second, &expected), None, "{}: token", case.name);
    }
}

/// Replaces the last token of the batch and looks at all before it.
pub(crate) fn causal_as_it_says(case: &Case) {
    let device = Device::flex();
    let last = 11;
    let moves = |subject: &dyn Subject, input: &RouteInput| {
        let before = decision(&subject.route(input).assignment, last + 1);
        (0..16).find_map(|seed| {
            let other = inputs(1, 1, 100 + 2 * seed, &device);
            let earlier = input.token_ids_t.clone().narrow(0, 0, last);
            let changed = RouteInput {
                // Far from the others, so that whoever looks at it is moved.
                x_td: Tensor::cat(
                    vec![input.x_td.clone().narrow(0, 0, last), other.x_td * 10.0],
                    0,
                ),
                token_ids_t: Tensor::cat(vec![earlier, other.token_ids_t], 0),
                ..input.clone()
            };
            let after = decision(&subject.route(&changed).assignment, last + 1);
            difference(&before[..last], &after[..last])
        })
    };
    // One that looks ahead need not show it with every draw of its weights and tokens.
    let draws = if case.facts.causal { 1 } else { 20 };
    let moved = (0..draws).find_map(|draw| {
        let subject = (case.build)(&sizes(3, 1), &device);
        moves(&*subject, &inputs(2, 6, 1 + draw, &device))
    });
    assert_eq!(
        moved.is_none(),
        case.facts.causal,
        "{}: a later token moved {moved:?}",
        case.name
    );
}

/// A loss in which every gate has its own weight, as experts' outputs give it: its gradient reaches
/// every parameter of the scorer, and the hidden states through it (a scorer may have none).
pub(crate) fn gradient_as_it_says(case: &Case) {
    let device = Device::flex().autodiff();
    let subject = (case.build)(&sizes(4, 2), &device);
    let mut input = inputs(2, 6, 1, &device);
    input.x_td = input.x_td.require_grad();
    let routing = subject.route(&input);
    let gates = flat_gates(&routing.assignment);
    let weights = normal(gates.dims(), 2, &device);
    let loss = (gates * weights).sum();
    let (sizes, of_x) = if loss.is_tracked() {
        let gradients = loss.backward();
        let of_x = input.x_td.grad(&gradients).map_or(0.0, |gradient| {
            f64::from(gradient.abs().sum().into_scalar::<f32>())
        });
        (subject.gradients(&gradients), of_x)
    } else {
        (Vec::new(), 0.0)
    };
    let reached = sizes
        .iter()
        .chain([&of_x])
        .all(|&size| size.is_finite() && size > 0.0);
    let nowhere = sizes.iter().all(|&size| size == 0.0);
    let as_said = if case.facts.gate_gradient {
        reached
    } else {
        nowhere
    };
    assert!(as_said, "{}: gradients per parameter {sizes:?}", case.name);
}

/// k from 1 to E can be built, and it is the strategy's own k that counts.
pub(crate) fn accepts_just_what_it_can_build(case: &Case) {
    for experts in 1..=4 {
        for k in 0..=6 {
            let own = (case.top_k)(k);
            let fits = (1..=experts).contains(&own);
            let checked = (case.check)(&sizes(experts, k));
            assert_eq!(
                checked.is_ok(),
                fits,
                "{}: k {k}, E {experts}: {checked:?}",
                case.name
            );
            if let Err(error) = checked {
                let text = error.to_string();
                assert!(
                    text.contains(&format!("k = {own} with {experts} experts")),
                    "{text}"
                );
            }
        }
    }
}

/// A bare name, a table, every alias, and what is written give the same member.
pub(crate) fn reads_what_it_writes<C>()
where
    C: Variant + PartialEq + Debug + Serialize + DeserializeOwned,
{
    let read = |text: &str| -> C {
        let mut table: toml::Table =
            toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let value = table.remove("member").expect("the key of the text");
        value
            .try_into()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    };
    for member in C::MEMBERS {
        let expected = C::by_default(member.name).expect("a member of the registry");
        for name in std::iter::once(&member.name).chain(member.aliases) {
            assert_eq!(read(&format!("member = {name:?}")), expected);
            assert_eq!(read(&format!("member = {{ {name} = {{}} }}")), expected);
        }
        let value = toml::Value::try_from(&expected)
            .unwrap_or_else(|error| panic!("{}: {error}", member.name));
        let mut written = toml::Table::new();
        written.insert("member".to_owned(), value);
        assert_eq!(read(&written.to_string()), expected);
        // Under its own name, never an alias.
        let keys: Vec<_> = written["member"]
            .as_table()
            .expect("a table")
            .keys()
            .collect();
        assert_eq!(keys, [member.name]);
    }
}
