//! What the routers of all layers did.

use burn::tensor::{Device, TensorData};
use moe_layer::{MoeOutput, RoutingTrace};
use routers::StepLoad;
use trainer::Observation;

/// What was decided in the passes of training; nothing of an evaluation.
#[derive(Debug, Clone)]
pub struct LayerTraces {
    /// One trace per mixture.
    pub mixtures: Vec<RoutingTrace>,
    /// One per branch of adapters with a router, in the order of the layers.
    pub branches: Vec<RoutingTrace>,
}

impl LayerTraces {
    /// Those of the mixtures of one pass.
    pub(crate) fn of(layers: &[MoeOutput]) -> Self {
        let mut all = Self::none();
        for layer in layers {
            all.push(layer);
        }
        all
    }

    /// Those of an evaluation, or of no layer yet.
    pub(crate) const fn none() -> Self {
        Self {
            mixtures: Vec::new(),
            branches: Vec::new(),
        }
    }

    /// Takes in what one more layer did.
    pub(crate) fn push(&mut self, layer: &MoeOutput) {
        self.mixtures.push(layer.trace());
        self.branches.extend(layer.branch_trace());
    }

    /// What the rounds of each mixture did in all passes of a step, and behind them its branch; either every
    /// mixture has a branch or none.
    pub(crate) fn step_loads(passes: &[Self]) -> Vec<Vec<StepLoad>> {
        let of_layer = |layer: usize| {
            let mut loads = loads_of(passes.iter().map(|seen| &seen.mixtures[layer]));
            if !passes[0].branches.is_empty() {
                loads.extend(loads_of(passes.iter().map(|seen| &seen.branches[layer])));
            }
            loads
        };
        (0..passes[0].mixtures.len()).map(of_layer).collect()
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
        let merged = |mine: Vec<RoutingTrace>, theirs: Vec<RoutingTrace>| {
            let both = mine.into_iter().zip(theirs);
            both.map(|(mine, theirs)| mine.merge(theirs)).collect()
        };
        Self {
            mixtures: merged(self.mixtures, other.mixtures),
            branches: merged(self.branches, other.branches),
        }
    }

    /// The traces, and at the end how many are of branches if any are.
    fn into_host(self) -> Vec<TensorData> {
        let count = self.branches.len();
        let traces = self.mixtures.into_iter().chain(self.branches);
        let mut tensors: Vec<_> = traces.flat_map(RoutingTrace::into_host).collect();
        if count > 0 {
            tensors.push(TensorData::from([count as i64]));
        }
        tensors
    }

    fn from_host(mut tensors: Vec<TensorData>, device: &Device) -> Self {
        let counted = tensors.len() % RoutingTrace::HOST_TENSORS == 1;
        let count = tensors.pop_if(|_| counted);
        let count = count.and_then(|count| count.iter::<i64>().next());
        let traces = tensors.len() / RoutingTrace::HOST_TENSORS;
        let mut tensors = tensors.into_iter();
        let mut next = || tensors.by_ref().take(RoutingTrace::HOST_TENSORS).collect();
        let trace = |_| RoutingTrace::from_host(next(), device);
        let mut mixtures: Vec<_> = (0..traces).map(trace).collect();
        let first = traces - count.map_or(0, |count| count as usize);
        Self {
            branches: mixtures.split_off(first),
            mixtures,
        }
    }
}
