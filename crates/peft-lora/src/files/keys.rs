//! The names of tensors.

/// What PEFT puts before the names of a model.
const PREFIX: &str = "base_model.model.";

/// The name without what PEFT puts around that of a model: a prefix, and `default`, which an adapter is called in
/// memory.
pub(super) fn plain(key: &str) -> String {
    let key = key.strip_prefix(PREFIX).unwrap_or(key);
    // `<module>.modules_to_save.default.weight`, `<module>.lora_A.default.weight`.
    let mut parts: Vec<&str> = key.split('.').collect();
    let kinds = ["lora_A", "lora_B", "modules_to_save"];
    parts.dedup_by(|part, before| *part == "default" && kinds.contains(&&**before));
    parts.retain(|part| *part != "modules_to_save");
    parts.join(".")
}

/// The name as PEFT writes it.
pub(super) fn stored(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// The matrices of a module's delta.
pub(super) fn pair(module: &str) -> [String; 2] {
    ["lora_A", "lora_B"].map(|matrix| format!("{module}.{matrix}.weight"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_peft_adds_is_taken_away() {
        let plainly = "model.layers.0.mlp.gate.lora_A.weight";
        for key in [
            plainly,
            "base_model.model.model.layers.0.mlp.gate.lora_A.weight",
            "base_model.model.model.layers.0.mlp.gate.lora_A.default.weight",
        ] {
            assert_eq!(plain(key), plainly);
        }
        assert_eq!(
            plain("base_model.model.model.layers.0.mlp.gate.modules_to_save.default.weight"),
            "model.layers.0.mlp.gate.weight"
        );
        // Nothing else is.
        for key in ["layers.0.default.weight", "model.base_model.model.x"] {
            assert_eq!(plain(key), key);
        }
        assert_eq!(plain(&stored("lm_head.weight")), "lm_head.weight");
    }
}
