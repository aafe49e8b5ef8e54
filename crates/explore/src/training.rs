//! What a trial's training logged, as arrays.

use std::collections::BTreeMap;

use runstore::tables::{ExpertRow, Row, StepRow};
use serde::Serialize;

use crate::packed::{Packer, fixed, whole};

/// A curve over training: a column of `steps.parquet` with its name, unit and factor.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Curve {
    column: &'static str,
    name: &'static str,
    unit: &'static str,
    #[serde(skip)]
    factor: f64,
}

const fn curve(column: &'static str, name: &'static str, unit: &'static str) -> Curve {
    Curve {
        column,
        name,
        unit,
        factor: 1.0,
    }
}

/// The curves, in the order of the page.
pub(crate) const CURVES: [Curve; 6] = [
    curve("loss_lm", "training loss", "nats per token"),
    curve("valid_loss", "validation loss", "nats per token"),
    curve("load_cv_before", "load CV, before drops", ""),
    curve("max_violation", "MaxVio, before drops", ""),
    Curve {
        factor: 100.0,
        ..curve("drop_rate", "dropped assignments", "%")
    },
    curve("router_entropy", "router entropy", "nats"),
];

/// How many experts and layers the loads are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) experts: usize,
    pub(crate) layers: usize,
}

/// Adds the arrays of a trial's training.
///
/// `loads` and `curves` have the steps of loads and of curves. `sent` and `held` have what each expert was sent and what
/// of it was kept, both as shares of all that its layer was sent, step by step, layer by layer, expert by expert. Each
/// curve has a number for each of its steps.
pub(crate) fn pack(experts: &[&ExpertRow], steps: &[&StepRow], sizes: Sizes, packer: &mut Packer) {
    let loads = places(experts.iter().map(|row| row.step));
    let layer = |row: &ExpertRow| loads[&row.step] * sizes.layers + row.layer as usize;
    let mut totals = vec![0; loads.len() * sizes.layers];
    for row in experts {
        totals[layer(row)] += row.assignments_before;
    }
    let mut shares = [(); 2].map(|()| vec![0; totals.len() * sizes.experts]);
    for row in experts {
        let (layer, total) = (layer(row), totals[layer(row)]);
        let share = |count: u64| (total > 0).then(|| count as f64 / total as f64);
        let place = layer * sizes.experts + row.expert as usize;
        shares[0][place] = fixed(share(row.assignments_before));
        shares[1][place] = fixed(share(row.assignments_after));
    }
    packer.add("loads", &whole(loads.keys()));
    packer.add("sent", &shares[0]);
    packer.add("held", &shares[1]);
    let curves = places(steps.iter().map(|row| row.step));
    packer.add("curves", &whole(curves.keys()));
    for curve in CURVES {
        let mut values = vec![0; curves.len()];
        for row in steps {
            let value = row.value(curve.column).and_then(|value| value.number());
            values[curves[&row.step]] = fixed(value.map(|value| value * curve.factor));
        }
        packer.add(curve.column, &values);
    }
}

/// Each step with its place in order.
fn places(steps: impl Iterator<Item = u64>) -> BTreeMap<u64, usize> {
    let mut places: BTreeMap<u64, usize> = steps.map(|step| (step, 0)).collect();
    for (place, own) in places.values_mut().enumerate() {
        *own = place;
    }
    places
}
