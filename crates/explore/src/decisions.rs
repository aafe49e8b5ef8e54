//! The sampled decisions of a trial, as arrays.

use std::collections::BTreeMap;

use runstore::tables::TokenRow;

use crate::packed::{Packer, fixed, whole};
use crate::texts::Size;

/// How large the arrays of a trial's decisions are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The sampled steps, in order.
    pub(crate) samples: Vec<u64>,
    pub(crate) layers: usize,
    pub(crate) text: Size,
}

impl Shape {
    fn tokens(&self) -> usize {
        self.text.windows * self.text.length
    }

    fn token(&self, row: &TokenRow) -> usize {
        row.window as usize * self.text.length + row.position as usize
    }
}

/// The steps of rows, in order.
pub(crate) fn steps(rows: &[&TokenRow]) -> Vec<u64> {
    let mut steps: Vec<u64> = rows.iter().map(|row| row.step).collect();
    steps.sort_unstable();
    steps.dedup();
    steps
}

/// Adds the arrays of a trial's decisions.
///
/// `samples` has the sampled steps. `choices` has how many experts a token was given, step by step, layer by layer, token
/// by token. `expert`, `gate` and `kept` have one number for each of these choices, in the same order. `loss` has one for
/// each step and token.
pub(crate) fn pack(rows: &[&TokenRow], shape: &Shape, packer: &mut Packer) {
    let tokens = shape.tokens();
    let steps: BTreeMap<u64, usize> = shape.samples.iter().copied().zip(0..).collect();
    let mut chosen: Vec<Vec<&TokenRow>> = vec![Vec::new(); steps.len() * shape.layers * tokens];
    let mut loss = vec![0; steps.len() * tokens];
    for row in rows {
        let (step, token) = (steps[&row.step], shape.token(row));
        chosen[(step * shape.layers + row.layer as usize) * tokens + token].push(row);
        loss[step * tokens + token] = fixed(row.nll);
    }
    for own in &mut chosen {
        own.sort_by_key(|row| row.choice);
    }
    let counts: Vec<u32> = chosen.iter().map(|own| own.len() as u32).collect();
    let of_choices = |of: fn(&TokenRow) -> u32| -> Vec<u32> {
        chosen.iter().flatten().map(|row| of(row)).collect()
    };
    packer.add("samples", &whole(&shape.samples));
    packer.add("choices", &counts);
    packer.add("expert", &of_choices(|row| row.expert as u32));
    packer.add("gate", &of_choices(|row| fixed(row.gate)));
    packer.add("kept", &of_choices(|row| u32::from(row.kept)));
    packer.add("loss", &loss);
}
