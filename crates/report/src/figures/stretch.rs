//! The first stretch of text that trained models were sampled on, token by token.

use std::collections::BTreeMap;

use runstore::tables::TokenRow;

use crate::cells::Cell;

/// What the layers chose for one token.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Token<'r> {
    /// Its text; empty where no expert of any layer took it, so that nothing is known of it.
    pub(super) text: &'r str,
    /// Its choices, first to last, by layer.
    pub(super) layers: BTreeMap<u64, Vec<&'r TokenRow>>,
}

impl<'r> Token<'r> {
    /// The choice of a layer with the largest gate, of equal ones the first; `None` where no expert took the token.
    pub(super) fn first(&self, layer: u64) -> Option<&'r TokenRow> {
        let chosen = self.layers.get(&layer)?.iter().copied();
        chosen.reduce(|best, next| if next.gate > best.gate { next } else { best })
    }
}

/// The first `most` tokens of the first window, of the lowest seed of a cell; none where it was not sampled.
pub(super) fn stretch<'r>(cell: &Cell, rows: &'r [TokenRow], most: u64) -> Vec<Token<'r>> {
    let Some((_, id)) = cell.done.first() else {
        return Vec::new();
    };
    let of_trial = || rows.iter().filter(|row| row.trial_id == *id);
    let last = of_trial().map(|row| row.step).max();
    let shown = |row: &&TokenRow| Some(row.step) == last && row.window == 0 && row.position < most;
    let mut tokens: Vec<Token<'r>> = Vec::new();
    for row in of_trial().filter(shown) {
        let place = row.position as usize;
        if tokens.len() <= place {
            tokens.resize_with(place + 1, Token::default);
        }
        tokens[place].text = &row.token_text;
        tokens[place].layers.entry(row.layer).or_default().push(row);
    }
    for token in &mut tokens {
        for chosen in token.layers.values_mut() {
            chosen.sort_by_key(|row| row.choice);
        }
    }
    tokens
}

/// The layers that chose for any of the tokens.
pub(super) fn layers(tokens: &[Token<'_>]) -> Vec<u64> {
    let mut layers: Vec<u64> = tokens
        .iter()
        .flat_map(|token| token.layers.keys().copied())
        .collect();
    layers.sort_unstable();
    layers.dedup();
    layers
}

/// A token as one can see it: spaces and line breaks have signs.
pub(super) fn visible(text: &str) -> String {
    let sign = |character| match character {
        ' ' => '·',
        '\n' | '\r' => '¶',
        '\t' => '→',
        other => other,
    };
    text.chars().map(sign).collect()
}

/// How many experts a cell's layers have.
pub(super) fn experts(cell: &Cell, tokens: &[Token<'_>]) -> usize {
    let rows = tokens
        .iter()
        .flat_map(|token| token.layers.values().flatten());
    let seen = rows.map(|row| row.expert as usize + 1).max().unwrap_or(0);
    let set = cell.setting("experts").number;
    set.map_or(seen, |experts| (experts as usize).max(seen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_choice_has_the_largest_gate() {
        let row = |choice, expert, gate| TokenRow {
            choice,
            expert,
            gate: Some(gate),
            ..TokenRow::default()
        };
        let rows = [row(0, 4, 0.3), row(1, 2, 0.7), row(2, 1, 0.7)];
        let layers = BTreeMap::from([(3, rows.iter().collect())]);
        let token = Token { text: "a", layers };
        assert_eq!(token.first(3).map(|row| row.expert), Some(2));
        assert_eq!(token.first(0), None);
    }

    #[test]
    fn white_space_has_signs() {
        assert_eq!(visible(" the\n"), "·the¶");
    }
}
