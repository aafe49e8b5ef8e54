//! When a trial that trains raises an alarm about its routing.

use metrics::health::Limits;
use registry::{NonNegativeF64, Probability};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::jobs::settings::SettingProblem;

/// The `[health]` table. The measures behind the limits are defined in `metrics::health`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct HealthConfig {
    /// Whether routing is watched. It changes nothing of the training.
    pub(crate) enabled: bool,
    /// Steps before anything is judged: routing is unsettled at first.
    pub(crate) after: usize,
    /// Alarm when more than this share of a layer's experts got no token in an interval.
    pub(crate) dead: Probability,
    /// Alarm when an expert that got tokens got less than this part of 1/E of them.
    pub(crate) cold: Probability,
    /// Alarm when the load's entropy, from 0 (as few experts as can be) to 1 (ln E), is below this.
    pub(crate) collapse: Probability,
    /// Alarm when the busiest expert's load over the mean load is above this; at least 1.
    pub(crate) overload: NonNegativeF64,
    /// Alarm when the router's gradient of the language-model loss has at most this norm, where the
    /// strategy lets one through.
    pub(crate) no_gradient: NonNegativeF64,
    /// Alarm when the mean over tokens of the router's largest probability is above this.
    pub(crate) saturation: Probability,
}

impl Default for HealthConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            after: 200,
            dead: Probability::new(0.0),
            cold: Probability::new(0.05),
            collapse: Probability::new(0.5),
            overload: NonNegativeF64::new(3.0),
            no_gradient: NonNegativeF64::new(0.0),
            saturation: Probability::new(0.99),
        }
    }
}

impl HealthConfig {
    /// The limits by themselves.
    pub(crate) const fn limits(&self) -> Limits {
        Limits {
            dead: self.dead.get(),
            cold: self.cold.get(),
            collapse: self.collapse.get(),
            overload: self.overload.get(),
            no_gradient: self.no_gradient.get(),
            saturation: self.saturation.get(),
        }
    }

    pub(in crate::jobs) fn check(&self) -> Option<SettingProblem> {
        let overload = self.overload.get();
        (overload < 1.0).then(|| SettingProblem {
            message: format!("health.overload = {overload} is below the mean load itself"),
            paths: vec!["health.overload"],
            help: "the busiest expert has at least the mean load: give a number above 1, such as 3"
                .into(),
        })
    }
}
