//! What results call the tables `[adapter]` and `[router]` in one name each, in the terms of the papers.

use moe_layer::{AdapterForm, RouterInit, SharedGate};
use peft_lora::{LoraConfig, PerftConfig, PerftVariant};
use serde::Deserialize;
use serde_json::Value;

use super::{adapter::AdapterConfig, router::RouterSettings};

/// An adapter: `none`, `LoRA q,v r 8`, `PERFT-R 2 of 4, r 8`.
pub(in crate::jobs::finetune) fn adapter_name(table: &Value) -> Option<String> {
    let adapter = AdapterConfig::deserialize(table).ok()?;
    Some(match &adapter {
        AdapterConfig::None(_) => adapter.name().to_owned(),
        AdapterConfig::Lora(lora) => lora_name(lora),
        AdapterConfig::Perft(perft) => perft_name(perft),
    })
}

/// The maps that have deltas, without what all their names end in, and the rank.
fn lora_name(lora: &LoraConfig) -> String {
    let targets = lora.target_modules.iter().chain(&lora.target_parameters);
    let short = |name: &String| name.trim_end_matches("_proj").to_owned();
    let targets: Vec<String> = targets.map(short).collect();
    format!("LoRA {} r {}", targets.join(","), lora.r)
}

/// The paper's letter for where the adapters stand, how many there are and a token is sent to, and the rank.
fn perft_name(perft: &PerftConfig) -> String {
    let variant = match &perft.variant {
        PerftVariant::Routed(own) => format!("R {} of {},", own.k, own.adapters),
        PerftVariant::RoutedAsPublished(own) => {
            format!("R {} of {} as published,", own.0.k, own.0.adapters)
        }
        PerftVariant::Embedded(_) => "E".to_owned(),
        PerftVariant::Dense(own) => format!("D {},", own.adapters),
        PerftVariant::Single(_) => "S".to_owned(),
    };
    let form = match perft.form {
        AdapterForm::Lora => "",
        AdapterForm::Parallel => ", parallel",
    };
    format!("PERFT-{variant} r {}{form}", perft.r)
}

/// Routers: `attention`, `linear, copied, frozen`, `attention, frozen as published`. That they are trained is usual
/// and not said.
pub(in crate::jobs::finetune) fn router_name(table: &Value) -> Option<String> {
    let router = RouterSettings::deserialize(table).ok()?;
    let Some(swap) = &router.swap else {
        let trained = if router.is_trained() { ", trained" } else { "" };
        return Some(format!("the base's own{trained}"));
    };
    let start = match router.init {
        RouterInit::Fresh(_) => "",
        RouterInit::Copy(_) => ", copied",
        RouterInit::Distil(_) => ", distilled",
    };
    let frozen = match router.shared_gate {
        _ if router.is_trained() || !router.can_learn() => "",
        SharedGate::Keep => ", frozen",
        SharedGate::Fresh => ", frozen as published",
    };
    Some(format!("{}{start}{frozen}", swap.scorer.name()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn json(toml: &str) -> Value {
        serde_json::to_value(toml::from_str::<toml::Table>(toml).unwrap()).unwrap()
    }

    #[rstest]
    #[case("none = {}", "none")]
    #[case(
        "lora = { r = 8, target-modules = ['q_proj', 'v_proj'] }",
        "LoRA q,v r 8"
    )]
    #[case(
        "perft.variant.routed = { adapters = 4, k = 2 }",
        "PERFT-R 2 of 4, r 8"
    )]
    #[case(
        "perft = { r = 16, variant.routed-as-published = { adapters = 4, k = 2 } }",
        "PERFT-R 2 of 4 as published, r 16"
    )]
    #[case("perft = { r = 32, variant.embedded = {} }", "PERFT-E r 32")]
    #[case("perft.variant.dense.adapters = 4", "PERFT-D 4, r 8")]
    #[case("perft.variant.single = {}", "PERFT-S r 8")]
    #[case(
        "perft = { form = 'parallel', variant.embedded = {} }",
        "PERFT-E r 8, parallel"
    )]
    fn an_adapter_has_one_name(#[case] table: &str, #[case] name: &str) {
        assert_eq!(adapter_name(&json(table)).unwrap(), name);
    }

    #[rstest]
    #[case("", "the base's own")]
    #[case("trained = true", "the base's own, trained")]
    #[case("swap.scorer = 'attention'", "attention")]
    #[case(
        "swap.scorer = 'attention'\ntrained = false\nshared-gate = 'fresh'",
        "attention, frozen as published"
    )]
    #[case(
        "swap.scorer = 'linear'\ntrained = false\ninit = 'copy'",
        "linear, copied, frozen"
    )]
    #[case("swap.scorer = 'hadamard'\ntrained = false", "hadamard")]
    fn routers_have_one_name(#[case] table: &str, #[case] name: &str) {
        assert_eq!(router_name(&json(table)).unwrap(), name);
    }

    #[test]
    fn what_is_no_adapter_has_no_name() {
        assert_eq!(adapter_name(&json("soup.r = 8")), None);
    }
}
