//! The Pareto frontier of speed against quality.

/// Indices of the points that no other point beats, in rising order of gain.
///
/// A point is (gain, cost): more gain is better (tokens per second), less cost is better (perplexity). One point
/// beats another when it is at least as good in both and better in one; equal points do not beat each other, so that
/// ties stay on the frontier together. Points with a value that is not finite are never on it.
pub fn pareto_frontier(points: &[(f64, f64)]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len())
        .filter(|&index| points[index].0.is_finite() && points[index].1.is_finite())
        .collect();
    // Best gain first, and among equal gains the least cost, so that one pass with the least cost so far suffices.
    order.sort_by(|&a, &b| {
        let (gain, cost) = (
            points[b].0.total_cmp(&points[a].0),
            points[a].1.total_cmp(&points[b].1),
        );
        gain.then(cost).then(a.cmp(&b))
    });
    let mut frontier: Vec<usize> = Vec::new();
    for index in order {
        let beaten = frontier
            .last()
            .is_some_and(|&best| points[best].1 <= points[index].1);
        let tied = frontier
            .last()
            .is_some_and(|&best| points[best] == points[index]);
        if !beaten || tied {
            frontier.push(index);
        }
    }
    frontier.sort_by(|&a, &b| points[a].0.total_cmp(&points[b].0).then(a.cmp(&b)));
    frontier
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn beats(a: (f64, f64), b: (f64, f64)) -> bool {
        a.0 >= b.0 && a.1 <= b.1 && a != b
    }

    #[test]
    fn only_unbeaten_points_remain() {
        // (100, 6.0) and (150, 6.5) and (160, 6.9) trade speed for quality; (120, 6.6) loses to (150, 6.5) and
        // (90, 6.0) to (100, 6.0).
        let points = [
            (160.0, 6.9),
            (120.0, 6.6),
            (100.0, 6.0),
            (90.0, 6.0),
            (150.0, 6.5),
        ];
        assert_eq!(pareto_frontier(&points), [2, 4, 0]);
    }

    #[test]
    fn ties_stay_together_and_broken_points_stay_out() {
        let points = [
            (1.0, 1.0),
            (1.0, 1.0),
            (f64::NAN, 0.0),
            (2.0, f64::INFINITY),
        ];
        assert_eq!(pareto_frontier(&points), [0, 1]);
        assert!(pareto_frontier(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn it_is_exactly_the_set_of_unbeaten_points(
            points in prop::collection::vec((0_u8..12, 0_u8..12), 0..40),
        ) {
            let points: Vec<(f64, f64)> = points.iter().map(|&(x, y)| (f64::from(x), f64::from(y))).collect();
            let mut found = pareto_frontier(&points);
            found.sort_unstable();
            let expected: Vec<usize> = (0..points.len())
                .filter(|&index| !points.iter().any(|&other| beats(other, points[index])))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
