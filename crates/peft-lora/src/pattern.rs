//! PEFT's rules for names.

use std::collections::BTreeMap;

use regex::Regex;

use crate::LoraError;

/// Whether an entry takes a module: it is the name, or its end behind a dot.
pub(crate) fn takes(entry: &str, name: &str) -> bool {
    let before = name.strip_suffix(entry);
    before.is_some_and(|before| before.is_empty() || before.ends_with('.')) && !entry.is_empty()
}

/// Values by patterns of names.
#[derive(Debug)]
pub(crate) struct Patterns<T> {
    setting: &'static str,
    of: Vec<(String, Regex, T)>,
}

impl<T: Copy + PartialEq> Patterns<T> {
    /// Those of a setting.
    pub(crate) fn new(
        setting: &'static str,
        values: &BTreeMap<String, T>,
    ) -> Result<Self, LoraError> {
        let compiled = values.iter().map(|(pattern, value)| {
            // As PEFT puts it together, for the whole of a name.
            let regex = Regex::new(&format!(r"^(?:(?:.*\.)?(?:{pattern}))$"));
            let regex = regex.map_err(|error| LoraError::Pattern {
                setting,
                pattern: pattern.clone(),
                problem: error.to_string(),
            })?;
            Ok((pattern.clone(), regex, *value))
        });
        Ok(Self {
            setting,
            of: compiled.collect::<Result<_, LoraError>>()?,
        })
    }

    /// The value of a name, if a pattern matches.
    pub(crate) fn get(&self, name: &str) -> Result<Option<T>, LoraError> {
        let mut matching = self.of.iter().filter(|(_, regex, _)| regex.is_match(name));
        let Some((first, _, value)) = matching.next() else {
            return Ok(None);
        };
        match matching.find(|(_, _, other)| other != value) {
            None => Ok(Some(*value)),
            Some((second, ..)) => Err(LoraError::TwoPatterns {
                setting: self.setting,
                name: name.to_owned(),
                patterns: [first.clone(), second.clone()],
            }),
        }
    }

    /// The patterns that match none of the names.
    pub(crate) fn idle<'a>(&self, names: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
        let idle = self
            .of
            .iter()
            .filter(|(_, regex, _)| !names.clone().any(|name| regex.is_match(name)));
        idle.map(|(pattern, ..)| pattern.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_name_or_its_end_behind_a_dot() {
        let gate = "model.layers.0.mlp.gate";
        assert!(takes("gate", gate) && takes("mlp.gate", gate) && takes(gate, gate));
        for (entry, name) in [
            ("gate", "model.layers.0.mlp.shared_expert_gate"),
            ("gate", "model.layers.0.mlp.gate_proj"),
            ("ate", gate),
            ("", gate),
            (".gate", gate),
            ("model.layers.0.mlp", gate),
        ] {
            assert!(!takes(entry, name), "{entry} {name}");
        }
    }

    #[test]
    fn patterns_match_a_name_or_what_follows_a_dot() {
        let of = |patterns: &[(&str, usize)]| {
            let values = patterns
                .iter()
                .map(|(pattern, value)| ((*pattern).to_owned(), *value));
            Patterns::new("rank-pattern", &values.collect())
        };
        let name = "model.layers.11.self_attn.q_proj";
        for pattern in [
            "q_proj",
            r".*\.q_proj",
            r"layers\.1\d\.self_attn\.q_proj",
            name,
        ] {
            let patterns = of(&[(pattern, 2)]).expect("a pattern");
            assert_eq!(patterns.get(name).expect("one"), Some(2), "{pattern}");
            let other = patterns.get("model.layers.1.self_attn.v_proj");
            assert_eq!(other.expect("none"), None, "{pattern}");
        }
        // `_proj` stands behind no dot, and `q` is not the end.
        for pattern in ["_proj", "self_attn.q"] {
            let patterns = of(&[(pattern, 2)]).expect("a pattern");
            assert_eq!(patterns.get(name).expect("none"), None, "{pattern}");
            assert_eq!(patterns.idle([name].into_iter()), [pattern]);
        }
        let error = of(&[("(", 1)]).expect_err("no pattern");
        assert!(error.to_string().contains("rank-pattern"), "{error}");
        let two = of(&[("q_proj", 1), (r".*\.q_proj", 2)]).expect("patterns");
        let error = two.get(name).expect_err("two values");
        assert!(error.to_string().contains(name), "{error}");
    }
}
