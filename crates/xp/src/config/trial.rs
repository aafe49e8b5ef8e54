//! A trial: one point of the axes with one seed, resolved.

use std::collections::BTreeMap;

use runstore::TrialId;
use serde_json::{Value, json};

use super::show::{AxisValue, NO_VALUE};
use crate::jobs::JobSettings;

/// One thing to run: complete, typed settings and a seed.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    /// Hash of settings, seed and data. Without the data it tells the trials of a sweep apart and is
    /// no id that it will have.
    pub(crate) id: TrialId,
    /// The sweep it belongs to.
    pub(crate) sweep: String,
    /// The scale of that sweep.
    pub(crate) scale: String,
    /// What it does.
    pub(crate) settings: JobSettings,
    /// Where it stands in the sweep.
    pub(crate) axes: Vec<AxisValue>,
    /// Every random stream of the trial is derived from it.
    pub(crate) seed: u64,
    /// Digests of the data it reads, by name; `None` where they are not known.
    pub(crate) data: Option<BTreeMap<String, String>>,
}

impl Trial {
    /// The trial's resolved question as JSON: what its id is made from.
    pub(crate) fn question(settings: &JobSettings, seed: u64) -> Value {
        json!({ "job": settings.kind().name(), "seed": seed, "settings": settings.asked() })
    }

    /// Its id, where its data are known.
    pub(crate) fn known_id(&self) -> Option<TrialId> {
        self.data.is_some().then_some(self.id)
    }

    /// Whether nothing else may run beside it.
    pub(crate) fn runs_alone(&self) -> bool {
        self.settings.kind().beside().is_some()
    }

    /// Whether it has weights to leave behind, when they are asked for.
    pub(crate) fn keeps_weights(&self) -> bool {
        self.settings.kind().facts().keeps_weights
    }

    /// The cell that the trial's seeds share.
    pub(crate) fn cell(&self) -> String {
        self.told(|axis| format!("{}={}", axis.axis, axis.value))
    }

    /// The same without the names of the axes.
    pub(crate) fn values(&self) -> String {
        self.told(|axis| axis.value.clone())
    }

    fn told(&self, told: impl Fn(&AxisValue) -> String) -> String {
        if let Some(beside) = self.settings.kind().beside() {
            return beside.called.to_owned();
        }
        let own = self.axes.iter().filter(|axis| axis.value != NO_VALUE);
        own.map(told).collect::<Vec<_>>().join(" ")
    }
}
