//! Watches the routing of each layer at the logged steps, from what is read there anyway.

use std::collections::BTreeSet;

use metrics::health::{Condition, Finding, Limits, Reading, examine};
use moe_layer::LayerReading;
use runstore::tables::{AlarmRow, TrialRow};
use serde::{Deserialize, Serialize};

use super::HealthConfig;
use crate::jobs::context::Event;

/// What is watched for, and from when on.
#[derive(Debug, Clone, Copy)]
pub(in crate::jobs) struct Watch {
    after: u64,
    limits: Limits,
    /// Whether the strategy lets the language-model loss teach the router.
    taught: bool,
}

/// The steps of a logged interval.
#[derive(Debug, Clone, Copy)]
pub(in crate::jobs) struct Steps {
    /// The last one.
    pub(in crate::jobs) last: u64,
    /// How many there are.
    pub(in crate::jobs) count: u64,
}

/// What was found so far. It is saved with the rows, so that a resumed trial warns of nothing twice.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::jobs) struct Findings {
    judged: u64,
    pub(in crate::jobs) alarms: Vec<AlarmRow>,
}

impl Watch {
    /// The watch that the settings ask for, if any, on routers that the loss teaches or not.
    pub(in crate::jobs) fn of(health: &HealthConfig, taught: bool) -> Option<Self> {
        health.enabled.then(|| Self {
            after: health.after as u64,
            limits: health.limits(),
            taught,
        })
    }

    /// Judges an interval and gives the alarms that are new. `gradients` has the norm at each layer's
    /// router. An interval that began in the period of grace is not judged.
    pub(in crate::jobs) fn judge(
        &self,
        steps: Steps,
        layers: &[LayerReading],
        gradients: &[f64],
        findings: &mut Findings,
    ) -> Vec<Event> {
        if steps.last - steps.count < self.after {
            return Vec::new();
        }
        findings.judged += 1;
        let mut events = Vec::new();
        for (number, layer) in layers.iter().enumerate() {
            let tokens = layer.tokens as f64;
            let reading = Reading {
                loads: &layer.assignments_before,
                tokens,
                largest_probability: layer.largest_prob.map(|sum| sum / tokens),
                gradient: gradients.get(number).copied().filter(|_| self.taught),
            };
            for finding in examine(&reading, &self.limits) {
                if findings.note(steps.last, number, &finding) {
                    events.push(alarm(steps.last, number, &finding, layer));
                }
            }
        }
        events
    }
}

impl Findings {
    /// Notes a finding; true when it is the layer's first of its kind.
    fn note(&mut self, step: u64, layer: usize, finding: &Finding) -> bool {
        let (layer, kind) = (layer as u64, finding.condition.name());
        let known = self
            .alarms
            .iter_mut()
            .find(|alarm| alarm.layer == layer && alarm.kind == kind);
        if let Some(alarm) = known {
            alarm.last_step = step;
            alarm.intervals += 1;
            return false;
        }
        self.alarms.push(AlarmRow {
            layer,
            kind: kind.to_owned(),
            step,
            last_step: step,
            intervals: 1,
            value: Some(finding.value),
            threshold: Some(finding.limit),
            expert: finding.expert.map(|expert| expert as u64),
            ..AlarmRow::default()
        });
        true
    }

    /// Fills the trial's columns; they stay null where nothing was judged.
    pub(in crate::jobs) fn summarise(&self, row: &mut TrialRow) {
        if self.judged == 0 {
            return;
        }
        let kinds: BTreeSet<&str> = self.alarms.iter().map(|alarm| &*alarm.kind).collect();
        let kinds: Vec<&str> = kinds.into_iter().collect();
        row.alarms = Some(self.alarms.len() as u64);
        row.alarm_kinds = Some(if kinds.is_empty() {
            "none".to_owned()
        } else {
            kinds.join("+")
        });
    }
}

/// Tells the log, and makes the event that tells everybody else.
fn alarm(step: u64, layer: usize, finding: &Finding, reading: &LayerReading) -> Event {
    let kind = finding.condition.name();
    let text = format!(
        "{kind} in layer {layer} at step {step}: {}",
        words(finding, reading.assignments_before.len())
    );
    tracing::warn!(step, layer, kind, value = finding.value, "{text}");
    Event::Alarm {
        step: step as usize,
        layer,
        kind: kind.to_owned(),
        value: finding.value,
        threshold: finding.limit,
        expert: finding.expert,
        text,
    }
}

/// What was measured, for people.
fn words(finding: &Finding, experts: usize) -> String {
    let &Finding {
        value,
        limit,
        expert,
        ..
    } = finding;
    let expert = expert.map_or_else(String::new, |expert| format!("expert {expert}"));
    match finding.condition {
        Condition::Dead => {
            let dead = (value * experts as f64).round();
            format!("{dead} of {experts} experts got no token, the first is {expert}")
        }
        Condition::Cold => {
            format!("{expert} got {value:.3} of the mean load, less than {limit}")
        }
        Condition::Collapse => format!(
            "the load lies on few experts, its entropy is {value:.3} of the way up to ln {experts}, \
             less than {limit}"
        ),
        Condition::Overload => {
            format!("{expert} got {value:.2} times the mean load, more than {limit}")
        }
        Condition::NoGradient => {
            format!("the language-model loss does not teach the router, its gradient is {value}")
        }
        Condition::Saturation => {
            format!("the router's largest probability is {value:.4} on average, more than {limit}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A layer that 400 tokens passed with one expert each.
    fn layer(loads: [f64; 4], largest_prob: f64) -> LayerReading {
        LayerReading {
            tokens: 400,
            assignments_before: loads.to_vec(),
            assignments_after: loads.to_vec(),
            gates: vec![0.0; 4],
            unrouted: Some(0.0),
            router_entropy: Some(0.0),
            gate_entropy: None,
            chosen_prob: Some(0.0),
            largest_prob: Some(largest_prob),
            chosen: 400,
            ..LayerReading::default()
        }
    }

    fn well() -> LayerReading {
        layer([100.0; 4], 200.0)
    }

    fn collapsed() -> LayerReading {
        layer([400.0, 0.0, 0.0, 0.0], 400.0)
    }

    /// Intervals of ten steps after twenty of grace.
    fn watch() -> Watch {
        let health = HealthConfig {
            after: 20,
            ..HealthConfig::default()
        };
        Watch::of(&health, true).expect("it is on by default")
    }

    fn kinds(events: &[Event]) -> Vec<(usize, &str)> {
        let kind = |event: &'_ Event| match event {
            Event::Alarm { layer, .. } => *layer,
            other => panic!("{other:?} is no alarm"),
        };
        events
            .iter()
            .map(|event| {
                let Event::Alarm { kind: name, .. } = event else {
                    unreachable!("asked above")
                };
                (kind(event), name.as_str())
            })
            .collect()
    }

    fn at(last: u64) -> Steps {
        Steps { last, count: 10 }
    }

    #[test]
    fn each_kind_and_layer_warns_once_and_its_time_is_counted() {
        let (watch, mut findings) = (watch(), Findings::default());
        let gradients = [0.1, 0.1];
        let layers = [well(), collapsed()];
        let first = watch.judge(at(30), &layers, &gradients, &mut findings);
        let expected = ["dead", "collapse", "overload", "saturation"].map(|kind| (1, kind));
        assert_eq!(kinds(&first), expected);
        // The second layer stays as it is; the first one's router is taught nothing any more.
        let second = watch.judge(at(40), &layers, &[0.0, 0.1], &mut findings);
        assert_eq!(kinds(&second), [(0, "no-gradient")]);
        let third = watch.judge(at(50), &[well(), well()], &gradients, &mut findings);
        assert_eq!(kinds(&third), []);
        let collapse = &findings.alarms[1];
        assert_eq!(
            (collapse.step, collapse.last_step, collapse.intervals),
            (30, 40, 2)
        );
        assert_eq!((collapse.value, collapse.threshold), (Some(0.0), Some(0.5)));

        let mut row = TrialRow::default();
        findings.summarise(&mut row);
        assert_eq!(row.alarms, Some(5));
        assert_eq!(
            row.alarm_kinds.as_deref(),
            Some("collapse+dead+no-gradient+overload+saturation")
        );
    }

    #[test]
    fn what_began_in_the_period_of_grace_is_not_judged() {
        let (watch, mut findings) = (watch(), Findings::default());
        let mut row = TrialRow::default();
        for last in [10, 29] {
            assert_eq!(
                watch.judge(at(last), &[collapsed()], &[], &mut findings),
                []
            );
        }
        findings.summarise(&mut row);
        assert_eq!(row.alarms, None, "nothing was judged");
        assert_eq!(watch.judge(at(30), &[well()], &[0.1], &mut findings), []);
        findings.summarise(&mut row);
        assert_eq!(
            (row.alarms, row.alarm_kinds.as_deref()),
            (Some(0), Some("none"))
        );
    }

    #[test]
    fn findings_survive_a_checkpoint() {
        let (watch, mut findings) = (watch(), Findings::default());
        watch.judge(at(30), &[collapsed()], &[0.1], &mut findings);
        let text = serde_json::to_string(&findings).unwrap();
        let mut resumed: Findings = serde_json::from_str(&text).unwrap();
        assert_eq!(resumed, findings);
        let again = watch.judge(at(40), &[collapsed()], &[0.1], &mut resumed);
        assert_eq!(again, [], "it was told before the checkpoint");
    }

    #[test]
    fn a_strategy_that_teaches_no_router_has_none_to_miss() {
        let mut health = HealthConfig {
            after: 0,
            ..HealthConfig::default()
        };
        let watch = Watch::of(&health, false).unwrap();
        assert_eq!(
            watch.judge(at(10), &[well()], &[0.0], &mut Findings::default()),
            []
        );
        health.enabled = false;
        assert!(Watch::of(&health, true).is_none());
    }
}
