//! What a configuration may ask for.

use serde_json::{Value, json};

use super::*;

/// What is wrong with a small model that has these settings besides.
fn problem(more: &Value) -> Option<String> {
    let mut config = json!({
        "model_type": "qwen2_moe", "vocab_size": 16, "hidden_size": 8, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 8, "moe_intermediate_size": 8,
        "shared_expert_intermediate_size": 8, "num_experts": 4, "num_experts_per_tok": 2,
        "rms_norm_eps": 1e-6, "rope_theta": 1e4, "max_position_embeddings": 32
    });
    let more = more.as_object().expect("settings").clone();
    config.as_object_mut().expect("settings").extend(more);
    let config: Qwen2MoeConfig = serde_json::from_value(config).expect("a configuration");
    config.problem()
}

#[test]
fn attention_and_places_that_are_not_computed_are_refused_by_name() {
    for fine in [
        json!({}),
        json!({"layer_types": ["full_attention", "full_attention"], "sliding_window": 4096}),
        json!({"partial_rotary_factor": 1.0, "rope_scaling": null}),
        json!({"rope_scaling": {"type": "default"}}),
        json!({"rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}}),
    ] {
        assert_eq!(problem(&fine), None, "{fine}");
    }
    for (wrong, name) in [
        (json!({"use_sliding_window": true}), "`use_sliding_window`"),
        (
            json!({"layer_types": ["full_attention", "sliding_attention"]}),
            "`layer_types` has \"sliding_attention\" for layer 1",
        ),
        (
            json!({"partial_rotary_factor": 0.5}),
            "`partial_rotary_factor` is 0.5",
        ),
        (
            json!({"rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 0.25}}),
            "`partial_rotary_factor` is 0.25",
        ),
        (
            json!({"rope_parameters": {"rope_theta": 1e4, "type": "yarn", "factor": 4.0}}),
            "`rope_parameters.type` is \"yarn\"",
        ),
        (
            json!({"rope_parameters": {"rope_theta": 1e4, "rope_type": "linear"}}),
            "`rope_parameters.rope_type` is \"linear\"",
        ),
        (
            json!({"rope_scaling": {"type": "dynamic", "factor": 2.0}}),
            "`rope_scaling.type` is \"dynamic\"",
        ),
        (
            json!({"rope_scaling": {"factor": 2.0}}),
            "`rope_scaling` is set",
        ),
    ] {
        let found = problem(&wrong).unwrap_or_default();
        assert!(found.contains(name), "{wrong}: {found}");
    }
}
