//! One spelling for every name.

/// What some files put before the encoder's names.
const PREFIX: &str = "bert.";

/// The numbers `0..` that some files store and nothing needs.
const IGNORED: &str = "embeddings.position_ids";

/// The name without prefix, with `weight` and `bias` for the `gamma` and `beta` that the oldest
/// files have; nothing for what is not a parameter.
pub(crate) fn canonical(stored: &str) -> Option<String> {
    let name = stored.strip_prefix(PREFIX).unwrap_or(stored);
    if name == IGNORED {
        return None;
    }
    let renamed = [("gamma", "weight"), ("beta", "bias")]
        .into_iter()
        .find_map(|(old, new)| {
            let norm = name.strip_suffix(old)?;
            norm.ends_with("LayerNorm.").then(|| format!("{norm}{new}"))
        });
    Some(renamed.unwrap_or_else(|| name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_spellings_meet() {
        for (stored, name) in [
            (
                "bert.embeddings.LayerNorm.gamma",
                "embeddings.LayerNorm.weight",
            ),
            ("embeddings.LayerNorm.beta", "embeddings.LayerNorm.bias"),
            ("bert.pooler.dense.bias", "pooler.dense.bias"),
            ("cls.predictions.bias", "cls.predictions.bias"),
            // Not a norm: no business of ours, and reported under its own name.
            ("bert.other.gamma", "other.gamma"),
        ] {
            assert_eq!(canonical(stored).as_deref(), Some(name));
        }
        assert_eq!(canonical("bert.embeddings.position_ids"), None);
        assert_eq!(canonical("embeddings.position_ids"), None);
    }
}
