//! What axes and their values are called.

/// Where the settings of scorers and strategies stand in a trial's document.
const SCORER: &str = "settings.router.scorer.";
const STRATEGY: &str = "settings.router.strategy.";

/// Parts of a path in a document that say where a setting stands and not what it is.
const PLACES: [&str; 9] = [
    "settings",
    "data",
    "model",
    "moe",
    "router",
    "train",
    "strategy",
    "scorer",
    "balancers",
];

/// What an axis is called in a heading, with its symbol where the field has one.
pub(crate) fn axis_label(axis: &str) -> String {
    match axis {
        "capacity_factor" => "capacity factor".to_owned(),
        "experts" => "experts E".to_owned(),
        "top_k" => "k".to_owned(),
        "k_by_layer" => "k by layer".to_owned(),
        "initial_logit_std" => "logit std at the start".to_owned(),
        "load_shape" => "load".to_owned(),
        "tokens" => "tokens T".to_owned(),
        "drop_policy" => "drop policy".to_owned(),
        "eval_capacity_factor" => "evaluation CF".to_owned(),
        path if path.contains('.') => words(path).join(" "),
        other => other.replace('_', " "),
    }
}

/// The parts of a path in a document that say what the setting is: `soft-moe slots`, `switch alpha`, `chain`.
fn words(path: &str) -> Vec<&str> {
    let says = |part: &&str| !PLACES.contains(part) && part.parse::<usize>().is_err();
    path.split('.').filter(says).collect()
}

/// A setting of a document with its value: `slots 16`, `random table`, `input-norm`, `no input-norm`.
fn named(name: &str, value: &str) -> String {
    match value {
        "true" => name.to_owned(),
        "false" => format!("no {name}"),
        _ if value.parse::<f64>().is_ok() => format!("{name} {value}"),
        _ => format!("{value} {name}"),
    }
}

/// One value with as much of its axis as it needs to be understood: `E = 64`, `CF 1.25`, `soft-top-k`.
pub(crate) fn value_label(axis: &str, value: &str) -> String {
    match axis {
        "strategy" | "corpus" | "model" | "scorer" | "router" | "adapter" => value.to_owned(),
        "hidden_source" => format!("{value} hidden states"),
        "expert_init" => format!("{value} experts"),
        "capacity_factor" => format!("CF {value}"),
        "experts" => format!("E = {value}"),
        "top_k" => format!("k = {value}"),
        "k_by_layer" => format!("k = {value} by layer"),
        "initial_logit_std" if value == "none" => "logits as they start".to_owned(),
        "initial_logit_std" => format!("logit std {value} at the start"),
        "student" => format!("{value} student"),
        "tokens" => format!("T = {value}"),
        "packing" => format!("{value} packing"),
        "load_shape" => format!("{value} load"),
        "dispatch" => format!("{value} dispatch"),
        "balancer" if value == "none" => "no balancer".to_owned(),
        "balancer" => format!("{value} balancer"),
        "drop_policy" => format!("drop by {value}"),
        // The scorer or the strategy is named beside it.
        own if own.starts_with(SCORER) || own.starts_with(STRATEGY) => {
            named(&words(own)[1..].join(" "), value)
        }
        path if path.contains('.') => named(&words(path).join(" "), value),
        other => format!("{} {value}", axis_label(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_without_a_column_are_told_in_few_words() {
        let label = |path: &str, value| value_label(&format!("settings.{path}"), value);
        for (path, value, told) in [
            ("router.scorer.mlp.input-norm", "true", "input-norm"),
            ("router.scorer.mlp.input-norm", "false", "no input-norm"),
            (
                "router.scorer.mlp-hadamard.variant",
                "projection",
                "projection variant",
            ),
            (
                "router.scorer.hybrid.attention.qk-dim",
                "64",
                "attention qk-dim 64",
            ),
            ("router.strategy.soft-moe.slots", "16", "slots 16"),
            ("router.strategy.hash.table", "random", "random table"),
            (
                "router.balancers.0.switch.alpha",
                "0.01",
                "switch alpha 0.01",
            ),
            ("moe.chain", "2", "chain 2"),
        ] {
            assert_eq!(label(path, value), told);
        }
        assert_eq!(
            axis_label("settings.router.strategy.hash.table"),
            "hash table"
        );
    }

    #[test]
    fn settings_of_routers_are_told_as_what_they_are() {
        for (axis, value, told) in [
            ("initial_logit_std", "none", "logits as they start"),
            ("initial_logit_std", "1", "logit std 1 at the start"),
            ("k_by_layer", "1+3", "k = 1+3 by layer"),
            ("student", "linear", "linear student"),
        ] {
            assert_eq!(value_label(axis, value), told);
        }
    }
}
