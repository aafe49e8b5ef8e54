//! What the routers of all layers did.

use burn::tensor::{Device, TensorData};
use moe_layer::RoutingTrace;
use routers::StepLoad;
use trainer::Observation;

/// One trace per mixture; none of an evaluation.
#[derive(Debug, Clone)]
pub struct LayerTraces(pub Vec<RoutingTrace>);

impl LayerTraces {
    /// What the rounds of each mixture did in all passes of a step.
    pub(crate) fn step_loads(passes: &[Self]) -> Vec<Vec<StepLoad>> {
        let layers = passes[0].0.len();
        let of_layer = |layer: usize| loads_of(passes.iter().map(|seen| &seen.0[layer]));
        (0..layers).map(of_layer).collect()
    }
}

fn loads_of<'a>(traces: impl Iterator<Item = &'a RoutingTrace>) -> Vec<StepLoad> {
    let both = |(sum, more): (StepLoad, StepLoad)| StepLoad {
        load_e: sum.load_e + more.load_e,
        tokens: sum.tokens + more.tokens,
    };
    traces
        .map(RoutingTrace::step_loads)
        .reduce(|sums, more| sums.into_iter().zip(more).map(both).collect())
        .expect("a step has a batch")
}

impl Observation for LayerTraces {
    fn add(self, other: Self) -> Self {
        let both = self.0.into_iter().zip(other.0);
        Self(both.map(|(mine, theirs)| mine.merge(theirs)).collect())
    }

    fn into_host(self) -> Vec<TensorData> {
        let layers = self.0.into_iter();
        layers.flat_map(RoutingTrace::into_host).collect()
    }

    fn from_host(tensors: Vec<TensorData>, device: &Device) -> Self {
        let layers = tensors.len() / RoutingTrace::HOST_TENSORS;
        let mut tensors = tensors.into_iter();
        let mut next = || tensors.by_ref().take(RoutingTrace::HOST_TENSORS).collect();
        let layer = |_| RoutingTrace::from_host(next(), device);
        Self((0..layers).map(layer).collect())
    }
}
