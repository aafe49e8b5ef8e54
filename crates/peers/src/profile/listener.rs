//! Who listens to the spans of a training step.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber,
};

use super::tree::{Tree, Work};

/// An ear for the spans that the calling thread opens while it does some work.
#[derive(Debug, Default)]
pub(super) struct Ear(Arc<Mutex<Heard>>);

impl Ear {
    /// Does some work and hears its spans. Before and after, nobody listens.
    pub(super) fn hear<T>(&self, work: impl FnOnce() -> T) -> T {
        subscriber::with_default(Listener(self.0.clone()), work)
    }

    /// All that was heard.
    pub(super) fn tree(self) -> Tree {
        std::mem::take(&mut lock(&self.0).tree)
    }
}

/// What was heard so far.
#[derive(Debug, Default)]
struct Heard {
    tree: Tree,
    /// Each span that was made: its name and its work.
    made: Vec<(&'static str, Work)>,
    /// The spans that are open, the innermost last: the node, and since when.
    open: Vec<(usize, Instant)>,
}

/// Hears spans of steps and nothing else.
struct Listener(Arc<Mutex<Heard>>);

fn lock(heard: &Mutex<Heard>) -> std::sync::MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target() == kernels::STEP
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut work = Work::default();
        attributes.record(&mut work);
        let mut heard = lock(&self.0);
        heard.made.push((attributes.metadata().name(), work));
        Id::from_u64(heard.made.len() as u64)
    }

    fn enter(&self, span: &Id) {
        let mut heard = lock(&self.0);
        let (name, _) = heard.made[number(span)];
        let above = heard.open.last().map(|&(node, _)| node);
        let node = heard.tree.at(above, name);
        heard.open.push((node, Instant::now()));
    }

    fn exit(&self, span: &Id) {
        let now = Instant::now();
        let mut heard = lock(&self.0);
        let (_, work) = heard.made[number(span)];
        if let Some((node, since)) = heard.open.pop() {
            heard.tree.add(node, now - since, work);
        }
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}
}

/// Spans are numbered from 1.
fn number(span: &Id) -> usize {
    span.into_u64() as usize - 1
}

impl Visit for Work {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "flops" => self.flops = value,
            "bytes" => self.bytes = value,
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_a_step_are_heard_with_their_work_and_no_others() {
        let ear = Ear::default();
        let sum = ear.hear(|| {
            tracing::info!("not a span");
            tracing::info_span!("not of a step").in_scope(|| {
                kernels::part!("forward", {
                    let product = tracing::trace_span!(
                        target: kernels::STEP,
                        "product",
                        flops = 6_u64,
                        bytes = 8_u64
                    );
                    product.in_scope(|| 1 + 1)
                })
            })
        });
        // Nobody listens here.
        kernels::part!("backward", ());
        assert_eq!(sum, 2);
        let tree = ear.tree();
        let order = tree.in_order();
        let paths: Vec<_> = order.iter().map(|&node| tree.path(node)).collect();
        assert_eq!(paths, [vec!["forward"], vec!["forward", "product"]]);
        assert_eq!(tree.work(), Work { flops: 6, bytes: 8 });
    }
}
