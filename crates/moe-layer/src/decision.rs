//! Single routing decisions on the host, for samples that people look at.

use burn::tensor::{Int, Tensor};
use routers::{Assignment, Routing};

use crate::{DispatchPlan, PlanKind, preference::by_preference};

/// One assignment of one token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// The token.
    pub token: usize,
    /// Which of its choices, from 0, best first; for expert choice, which of the experts that took it.
    pub choice: usize,
    /// The expert that it was assigned to.
    pub expert: usize,
    /// The gate before drops.
    pub gate: f32,
    /// Whether the assignment survived the capacity.
    pub kept: bool,
}

/// Reads every assignment of a pass from the device, token by token. A soft assignment has none.
#[must_use]
pub fn decisions(routing: &Routing, plan: &DispatchPlan) -> Vec<Decision> {
    match (&routing.assignment, &plan.kind) {
        (
            Assignment::TokenChoice {
                experts_tk,
                gates_tk,
            },
            PlanKind::ByToken {
                experts_tk: kept_tk,
                ..
            },
        ) => by_token(experts_tk, gates_tk, kept_tk, plan.experts),
        (
            Assignment::Variable {
                gates_te,
                chosen_te,
            },
            PlanKind::ByToken {
                experts_tk: kept_te,
                ..
            },
        ) => {
            let (experts_te, gates_te) = by_preference(gates_te, chosen_te);
            by_token(&experts_te, &gates_te, kept_te, plan.experts)
        }
        (
            Assignment::ExpertChoice {
                tokens_ec,
                gates_ec,
            },
            _,
        ) => {
            let [_, room] = tokens_ec.dims();
            let tokens = integers(tokens_ec);
            let mut taken: Vec<_> = rows(&floats(gates_ec), room)
                .map(|(expert, slot, gate)| Decision {
                    token: tokens[expert * room + slot],
                    choice: 0,
                    expert,
                    gate,
                    kept: true,
                })
                .collect();
            taken.sort_by_key(|decision| (decision.token, decision.expert));
            numbered(taken)
        }
        _ => Vec::new(),
    }
}

/// Decisions listed by token, best choice first; an expert index of E is no choice.
fn by_token(
    experts_tk: &Tensor<2, Int>,
    gates_tk: &Tensor<2>,
    kept_tk: &Tensor<2, Int>,
    experts: usize,
) -> Vec<Decision> {
    let [_, k] = experts_tk.dims();
    let (chosen, kept) = (integers(experts_tk), integers(kept_tk));
    rows(&floats(gates_tk), k)
        .filter(|&(token, choice, _)| chosen[token * k + choice] < experts)
        .map(|(token, choice, gate)| Decision {
            token,
            choice,
            expert: chosen[token * k + choice],
            gate,
            kept: kept[token * k + choice] < experts,
        })
        .collect()
}

/// The decisions with those of each token numbered.
fn numbered(mut decisions: Vec<Decision>) -> Vec<Decision> {
    number(&mut decisions);
    decisions
}

/// Numbers the decisions of each token, which must stand together.
pub(crate) fn number(decisions: &mut [Decision]) {
    for decision in decisions.iter_mut() {
        decision.choice = 0;
    }
    for at in 1..decisions.len() {
        if decisions[at].token == decisions[at - 1].token {
            decisions[at].choice = decisions[at - 1].choice + 1;
        }
    }
}

/// `(row, column, value)` of a matrix with `width` columns.
fn rows(values: &[f32], width: usize) -> impl Iterator<Item = (usize, usize, f32)> {
    values
        .iter()
        .enumerate()
        .map(move |(at, &value)| (at / width, at % width, value))
}

fn integers(tensor: &Tensor<2, Int>) -> Vec<usize> {
    tensor
        .clone()
        .into_data()
        .iter::<i64>()
        .map(|value| value as usize)
        .collect()
}

fn floats(tensor: &Tensor<2>) -> Vec<f32> {
    tensor.clone().into_data().iter::<f32>().collect()
}
