//! What a replacement of routers did, said in words.

use std::fmt;

use burn::module::Module;
use routers::{GateRule, Router};

use crate::{LayerRouters, MoeLayer, Replacement, RouterInit, SharedExpert, SharedGate};

/// What a replacement did in one layer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Replaced {
    /// The layer.
    pub layer: usize,
    /// E.
    pub experts: usize,
    /// D.
    pub width: usize,
    /// Strategy, scorer and parameters of the router before, as far as they are known.
    pub before: String,
    /// Those of the router in its place.
    pub after: String,
    /// How scores become gates, before and after.
    pub gates: [&'static str; 2],
    /// The first and the last loss of distilling, where it was.
    pub distilled: Option<(f64, f64)>,
    /// What was lost beside the router, and what was asked for in vain.
    pub notes: Vec<String>,
}

impl Replaced {
    /// What `after`, made as `with` says, changes in a layer.
    pub(crate) fn of(
        number: usize,
        layer: &MoeLayer,
        after: &LayerRouters,
        with: &Replacement,
    ) -> Self {
        let mut notes = Vec::new();
        let init = with.init.name();
        if after.first.scorer().is_none() && !matches!(with.init, RouterInit::Fresh(_)) {
            let strategy = after.first.strategy().name();
            notes.push(format!(
                "`init = \"{init}\"` does nothing: {strategy} scores nothing"
            ));
        }
        if with.shared_gate == SharedGate::Fresh {
            let own = layer.shared().and_then(SharedExpert::gate);
            notes.push(match own {
                Some(gate) => format!(
                    "the gate of the shared expert starts afresh: its {} numbers are lost",
                    gate.num_params()
                ),
                None => "there is no gate of a shared expert to start afresh".to_owned(),
            });
        }
        Self {
            layer: number,
            experts: layer.experts().dims().experts,
            width: layer.width(),
            before: described(layer.router()),
            after: described(&after.first),
            gates: [gates(layer.router()), gates(&after.first)],
            distilled: None,
            notes,
        }
    }
}

impl fmt::Display for Replaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            layer,
            experts,
            width,
            before,
            after,
            gates: [gates_before, gates_after],
            ..
        } = self;
        write!(
            f,
            "layer {layer}: {before} -> {after} ({experts} experts, width {width}), gates "
        )?;
        if gates_before == gates_after {
            write!(f, "as before {gates_after}")?;
        } else {
            write!(f, "{gates_before} -> {gates_after}")?;
        }
        if let Some((first, last)) = self.distilled {
            write!(f, ", divergence {first:.4} -> {last:.4}")?;
        }
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}

/// Strategy, scorer and parameters of a router.
fn described(router: &Router) -> String {
    let params = router.num_params();
    match router.scorer() {
        Some(scorer) => format!(
            "{} by {}, {params} parameters",
            router.strategy().name(),
            scorer.name()
        ),
        None => format!("{}, {params} parameters", router.strategy().name()),
    }
}

/// How a router makes gates of scores, by the name of its rule; the two that are taken for one another
/// first.
fn gates(router: &Router) -> &'static str {
    if router.scorer().is_none() {
        return "of the strategy alone";
    }
    match router.switches().gate {
        GateRule::Raw => "not renormalised (`raw`)",
        GateRule::Renormalised => "renormalised over the chosen (`renormalised`)",
        GateRule::FullSoftmax => "of the softmax over all experts (`full-softmax`)",
        GateRule::StraightThrough => "equal (`straight-through`)",
        GateRule::DenseMixer => "not renormalised (`dense-mixer`)",
    }
}
