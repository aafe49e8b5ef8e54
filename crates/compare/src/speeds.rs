//! Speeds that both folders measured in turn: what a cell takes beside the reference, here and there.
//!
//! Times of two machines or two days say as much of the machines and the days. A cell's time over the reference's is
//! free of both, so it is these ratios that are compared, and only where both folders divide by the same cell.

use report::Speeds;
use serde::Serialize;

use crate::common::Cells;
use crate::results::Results;

/// A cell's time over that of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct InTurn {
    /// The ratio.
    pub ratio: f64,
    /// The lower end of its 95 % interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Rounds that it was measured in.
    pub rounds: usize,
}

/// The ratios of one cell in both folders.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpeedComparison {
    /// What sets the cell apart.
    pub cell: String,
    /// In the first folder.
    pub a: InTurn,
    /// In the second.
    pub b: InTurn,
    /// The second ratio over the first, with its 95 % interval: the logarithms of the two are taken as independent,
    /// each with the half-width of its farther end.
    pub quotient: InTurn,
}

impl SpeedComparison {
    /// The cells whose speeds both folders measured in turn beside the same reference, or why there are none.
    ///
    /// # Errors
    ///
    /// With the reason, as a sentence.
    pub fn all(a: &Results, b: &Results, cells: &Cells<'_>) -> Result<Vec<Self>, String> {
        let missing = |results: &Results| format!("{} measured no speeds in turn", results.name);
        let own = a.speeds.as_ref().ok_or_else(|| missing(a))?;
        let other = b.speeds.as_ref().ok_or_else(|| missing(b))?;
        let is_reference = |label: &str, speeds: &Speeds| label == speeds.reference;
        let shared = cells
            .common
            .iter()
            .any(|pair| is_reference(&pair.a.label(), own) && is_reference(&pair.b.label(), other));
        if !shared {
            return Err(format!(
                "speeds were measured beside different cells: {} in {}, {} in {}",
                own.reference, a.name, other.reference, b.name
            ));
        }
        let compared = cells.common.iter().filter_map(|pair| {
            let a = in_turn(own.get(pair.a)?)?;
            let b = in_turn(other.get(pair.b)?)?;
            Some(Self {
                cell: pair.label(),
                quotient: quotient(&a, &b),
                a,
                b,
            })
        });
        Ok(compared.collect())
    }
}

fn in_turn(own: &report::InTurn) -> Option<InTurn> {
    let interval = own.interval?;
    Some(InTurn {
        ratio: own.ratio,
        low: interval.low,
        high: interval.high,
        rounds: own.rounds,
    })
}

fn quotient(a: &InTurn, b: &InTurn) -> InTurn {
    let half = |own: &InTurn| (own.high / own.ratio).ln().max((own.ratio / own.low).ln());
    let ratio = b.ratio / a.ratio;
    let half = half(a).hypot(half(b)).exp();
    InTurn {
        ratio,
        low: ratio / half,
        high: ratio * half,
        rounds: a.rounds.min(b.rounds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotient_has_the_spread_of_both() {
        let of = |ratio: f64, factor: f64| InTurn {
            ratio,
            low: ratio / factor,
            high: ratio * factor,
            rounds: 10,
        };
        // ln 1.1 = 0.0953 and ln 1.2 = 0.1823 make a half-width of 0.2057, a factor of 1.2284.
        let found = quotient(&of(2.0, 1.1), &of(3.0, 1.2));
        assert!((found.ratio - 1.5).abs() < 1e-12);
        assert!((found.high / 1.5 - 1.2284).abs() < 1e-4, "{found:?}");
        assert!((1.5 / found.low - 1.2284).abs() < 1e-4, "{found:?}");
    }
}
