//! From what was heard to rows of the table.

use kernels::Precision;
use runstore::tables::ProfileRow;

use super::{Measured, ProfileOptions, rates::Rates, tree::Tree};
use crate::rounds::Spread;

/// What every row of a profile says.
pub(super) struct Facts<'a> {
    pub(super) options: &'a ProfileOptions,
    /// The precision that was asked for, and ours.
    pub(super) asked: Precision,
    pub(super) ours: Precision,
    pub(super) tokens: usize,
    pub(super) rates: Rates,
    pub(super) started_at: String,
    pub(super) load: [Option<f64>; 2],
}

/// A row for each span of a profile, the whole step first; where nobody listened, for the step alone.
pub(super) fn rows(facts: &Facts<'_>, measured: &Measured) -> Vec<ProfileRow> {
    let common = common(facts, measured);
    let rows = spans(&measured.tree, facts.options.steps, &common);
    if rows.is_empty() { vec![common] } else { rows }
}

/// A row for each span of so many steps, the whole step first, with what is common to all rows.
pub(super) fn spans(tree: &Tree, steps: usize, common: &ProfileRow) -> Vec<ProfileRow> {
    let steps = steps as f64;
    let order = tree.in_order();
    let whole = order.first().map(|&first| tree.node(first).time);
    let whole_ms = whole.unwrap_or_default().as_secs_f64() * 1e3 / steps;
    let row = |(place, node)| span(common, tree, (place, node), steps, whole_ms);
    order.into_iter().enumerate().map(row).collect()
}

fn span(
    common: &ProfileRow,
    tree: &Tree,
    (place, number): (usize, usize),
    steps: f64,
    whole_ms: f64,
) -> ProfileRow {
    let node = tree.node(number);
    let path = tree.path(number);
    let own_ms = tree.own_time(number).as_secs_f64() * 1e3 / steps;
    let (flops, bytes) = (
        node.work.flops as f64 / steps,
        node.work.bytes as f64 / steps,
    );
    // Millions in a millisecond are thousands of millions in a second.
    let rate = |amount: f64| (amount > 0.0 && own_ms > 0.0).then(|| amount / own_ms / 1e6);
    ProfileRow {
        place: place as u64,
        depth: path.len() as u64 - 1,
        path: path.join("/"),
        name: node.name.to_owned(),
        operation: node.work.bytes > 0,
        calls: Some(node.calls as f64 / steps),
        ms: Some(node.time.as_secs_f64() * 1e3 / steps),
        own_ms: Some(own_ms),
        own_share: Some(own_ms / whole_ms),
        flops: Some(flops),
        bytes: Some(bytes),
        gflop_per_s: rate(flops),
        gb_per_s: rate(bytes),
        ..common.clone()
    }
}

/// The step as a whole, without a span's own.
fn common(facts: &Facts<'_>, measured: &Measured) -> ProfileRow {
    let Facts {
        options,
        asked,
        ours,
        rates,
        ..
    } = facts;
    let provenance = &options.provenance;
    let steps = options.steps as f64;
    let middle = |samples: &[f64]| Some(Spread::of(samples)?.median * 1e3);
    let work = measured.tree.work();
    let seconds = work.flops as f64 / rates.flop_per_s + work.bytes as f64 / rates.byte_per_s;
    ProfileRow {
        precision: asked.name().to_owned(),
        path: "step".to_owned(),
        name: "step".to_owned(),
        scale: options.scale.name().to_owned(),
        tokens: facts.tokens as u64,
        heard_ms: middle(&measured.heard),
        step_ms: middle(&measured.plain),
        floor_ms: options.listen.then_some(seconds * 1e3 / steps),
        page_faults: measured.page_faults.map(|faults| faults as f64 / steps),
        product_gflop_per_s: Some(rates.flop_per_s / 1e9),
        copy_gb_per_s: Some(rates.byte_per_s / 1e9),
        ours_precision: ours.name().to_owned(),
        steps: options.steps as u64,
        threads: options.threads as u64,
        load_before: facts.load[0],
        load_after: facts.load[1],
        started_at: facts.started_at.clone(),
        host: provenance.host.clone(),
        xp_version: provenance.xp_version.clone(),
        git_sha: provenance.git_sha.clone(),
        git_dirty: provenance.git_dirty,
        burn_version: provenance.burn_version.clone(),
        cpu_model: provenance.cpu_model.clone(),
        cores: provenance.cores,
        ..ProfileRow::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::tree::Work, *};
    use crate::Scale;

    #[test]
    fn times_and_work_are_of_one_step_and_the_floor_adds_both_rates() {
        let mut tree = Tree::default();
        let ms = Duration::from_millis;
        let step = tree.at(None, "step");
        let product = tree.at(Some(step), "product");
        // In two steps: 24 GFLOP and 8 GB in 4 ms a product would be much; rates only divide.
        for _ in 0..2 {
            let work = Work {
                flops: 24_000_000,
                bytes: 8_000_000,
            };
            tree.add(product, ms(4), work);
            tree.add(step, ms(10), Work::default());
        }
        let options = ProfileOptions {
            scale: Scale::Smoke,
            listen: true,
            steps: 2,
            warmup: 0,
            threads: 1,
            provenance: runstore::Provenance::default(),
        };
        let facts = Facts {
            options: &options,
            asked: Precision::BF16,
            ours: Precision::F32,
            tokens: 64,
            rates: Rates {
                flop_per_s: 24e9,
                byte_per_s: 4e9,
            },
            started_at: String::new(),
            load: [None, None],
        };
        let measured = Measured {
            tree,
            heard: vec![0.011, 0.011],
            plain: vec![0.010, 0.010],
            page_faults: Some(6),
        };
        let rows = rows(&facts, &measured);
        assert_eq!(rows.len(), 2);
        let (step, product) = (&rows[0], &rows[1]);
        assert_eq!(
            (step.path.as_str(), product.path.as_str()),
            ("step", "step/product")
        );
        assert_eq!((step.ms, step.own_ms), (Some(10.0), Some(6.0)));
        assert_eq!((product.calls, product.own_share), (Some(1.0), Some(0.4)));
        // 24 MFLOP and 8 MB in 4 ms.
        assert_eq!(
            (product.gflop_per_s, product.gb_per_s),
            (Some(6.0), Some(2.0))
        );
        assert_eq!(step.gflop_per_s, None);
        // 1 ms of products and 2 of bytes.
        assert_eq!(step.floor_ms, Some(3.0));
        assert_eq!((step.step_ms, step.heard_ms), (Some(10.0), Some(11.0)));
        assert_eq!(step.page_faults, Some(3.0));
        assert_eq!(
            (step.precision.as_str(), step.ours_precision.as_str()),
            ("bf16", "f32")
        );
    }
}
