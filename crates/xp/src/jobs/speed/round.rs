//! One round: a step of every cell, with the reference's beside them.

use rand::RngExt;

/// A timed step of a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lap {
    /// The cell.
    pub(super) cell: usize,
    /// Seconds of its step.
    pub(super) seconds: f64,
    /// Geometric mean of the seconds of the reference's steps just before and just after.
    pub(super) reference: f64,
}

/// The cells of a round in an order of its own.
pub(super) fn order(cells: usize, seed: u64, round: u64) -> Vec<usize> {
    let mut rng = corpora::stream(seed, "speed-order", round);
    let mut order: Vec<usize> = (0..cells).collect();
    for last in (1..cells).rev() {
        order.swap(last, rng.random_range(0..=last));
    }
    order
}

/// Times every cell once in this order. The reference is timed before the first, after the last, and in between
/// whenever `due` says so, which is asked before each step but the first.
pub(super) fn run<E>(
    order: &[usize],
    reference: usize,
    mut step: impl FnMut(usize) -> Result<f64, E>,
    mut due: impl FnMut() -> bool,
) -> Result<Vec<Lap>, E> {
    let mut laps: Vec<Lap> = Vec::with_capacity(order.len());
    let mut before = step(reference)?;
    // Where the laps begin that wait for the reference after them.
    let mut open = 0;
    for (place, &cell) in order.iter().enumerate() {
        if place > 0 && due() {
            let after = step(reference)?;
            close(&mut laps[open..], before, after);
            (before, open) = (after, laps.len());
        }
        let seconds = step(cell)?;
        laps.push(Lap {
            cell,
            seconds,
            reference: before,
        });
    }
    let after = step(reference)?;
    close(&mut laps[open..], before, after);
    Ok(laps)
}

fn close(laps: &mut [Lap], before: f64, after: f64) {
    for lap in laps {
        // Of the geometric mean the noise of two skewed times cancels: that of a cell beside itself is 1.
        lap.reference = (before * after).sqrt();
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn the_reference_of_a_lap_lies_between_its_neighbours() {
        // Steps as they come: reference 1, cell 10, reference 4, cells 20 and 30, reference 9.
        let mut times = [1.0, 10.0, 4.0, 20.0, 30.0, 9.0].into_iter();
        let mut asked = Vec::new();
        let step = |cell: usize| {
            asked.push(cell);
            Ok::<_, Infallible>(times.next().unwrap())
        };
        let mut due = [true, false].into_iter();
        let Ok(laps) = run(&[2, 0, 1], 7, step, || due.next().unwrap());
        assert_eq!(asked, [7, 2, 7, 0, 1, 7]);
        let lap = |cell, seconds, reference| Lap {
            cell,
            seconds,
            reference,
        };
        assert_eq!(
            laps,
            [lap(2, 10.0, 2.0), lap(0, 20.0, 6.0), lap(1, 30.0, 6.0)]
        );
    }

    #[test]
    fn an_error_ends_the_round() {
        let step = |cell: usize| if cell == 1 { Err("broke") } else { Ok(1.0) };
        assert_eq!(run(&[0, 1, 2], 0, step, || false), Err("broke"));
    }

    #[test]
    fn orders_hold_every_cell_and_differ() {
        let orders: Vec<Vec<usize>> = (0..3).map(|round| order(20, 17, round)).collect();
        for order in &orders {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..20).collect::<Vec<_>>());
        }
        assert!(orders[0] != orders[1] && orders[1] != orders[2]);
        assert_eq!(orders[0], order(20, 17, 0));
    }
}
