//! A decision as plain numbers, whatever kind of assignment it is.

use burn::tensor::{Int, Tensor};
use routers::Assignment;

/// Gates move by rounding when a batch is laid out otherwise, which experts are chosen does not.
const ROUNDING: f32 = 1e-5;

/// For each token, where it goes and with which gate, by rising expert. For a soft assignment the
/// weights that are not zero, expert by expert: those of the slots' inputs, then of their outputs;
/// which slots they are is left out, since they move with the sequence that they belong to.
pub(crate) type Decision = Vec<Vec<(usize, f32)>>;

fn indices(tensor: &Tensor<2, Int>) -> Vec<usize> {
    let data = tensor.to_data();
    data.iter::<i64>()
        .map(|index| usize::try_from(index).expect("an index is not negative"))
        .collect()
}

fn numbers<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().iter::<f32>().collect()
}

/// Reads a decision about `tokens` tokens.
pub(crate) fn decision(assignment: &Assignment, tokens: usize) -> Decision {
    let mut decision = vec![Vec::new(); tokens];
    match assignment {
        Assignment::TokenChoice {
            experts_tk,
            gates_tk,
        } => {
            let k = experts_tk.dims()[1];
            let chosen = indices(experts_tk).into_iter().zip(numbers(gates_tk));
            for (place, choice) in chosen.enumerate() {
                decision[place / k].push(choice);
            }
        }
        Assignment::Variable {
            gates_te,
            chosen_te,
        } => {
            let experts = gates_te.dims()[1];
            let chosen: Vec<bool> = chosen_te.to_data().iter::<bool>().collect();
            for (place, gate) in numbers(gates_te).into_iter().enumerate() {
                if chosen[place] {
                    decision[place / experts].push((place % experts, gate));
                }
            }
        }
        Assignment::ExpertChoice {
            tokens_ec,
            gates_ec,
        } => {
            let room = tokens_ec.dims()[1];
            let taken = indices(tokens_ec).into_iter().zip(numbers(gates_ec));
            for (place, (token, gate)) in taken.enumerate() {
                decision[token].push((place / room, gate));
            }
        }
        Assignment::Soft {
            dispatch_tes,
            combine_tes,
        } => {
            let [_, experts, slots] = dispatch_tes.dims();
            let all = experts * slots;
            for (weights, first) in [(dispatch_tes, 0), (combine_tes, experts)] {
                for (place, weight) in numbers(weights).into_iter().enumerate() {
                    if weight != 0.0 {
                        decision[place / all].push((first + place % all / slots, weight));
                    }
                }
            }
        }
    }
    for choices in &mut decision {
        choices.sort_by_key(|&(expert, _)| expert);
    }
    decision
}

/// The first token that two decisions disagree about, or `None`.
pub(crate) fn difference(left: &[Vec<(usize, f32)>], right: &[Vec<(usize, f32)>]) -> Option<usize> {
    assert_eq!(left.len(), right.len(), "decisions about as many tokens");
    left.iter().zip(right).position(|(left, right)| {
        let same =
            |(l, r): (&(usize, f32), &(usize, f32))| l.0 == r.0 && (l.1 - r.1).abs() <= ROUNDING;
        left.len() != right.len() || !left.iter().zip(right).all(same)
    })
}
