//! Names and patterns of the settings that PEFT reads.

use std::collections::{BTreeMap, BTreeSet};

/// A rank and a scale.
type Size = (usize, f64);

/// The last part of a name.
pub(super) fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// What follows the number of a layer.
pub(super) fn behind_number(name: &str) -> &str {
    let mut rest = name;
    while let Some((part, behind)) = rest.split_once('.') {
        rest = behind;
        if part.parse::<usize>().is_ok() {
            return rest;
        }
    }
    name
}

/// Entries that take the `chosen` of the `known` names and no other: short ones where these do, else whole names.
pub(super) fn entries(
    chosen: &BTreeSet<&str>,
    known: &[&str],
    short: impl Fn(&str) -> &str,
    takes: impl Fn(&str, &str) -> bool,
) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut judged: BTreeMap<&str, bool> = BTreeMap::new();
    for name in chosen {
        let entry = short(name);
        let fits = *judged.entry(entry).or_insert_with(|| {
            let mut taken = known.iter().filter(|name| takes(entry, name));
            taken.all(|name| chosen.contains(name))
        });
        found.insert(if fits { entry } else { name });
    }
    found.into_iter().map(str::to_owned).collect()
}

/// Patterns of the ranks and scales that are not the usual ones.
pub(super) fn patterns(
    modules: &BTreeMap<String, Size>,
    parameters: &BTreeMap<String, Size>,
    usual: Size,
) -> BTreeMap<String, Size> {
    let mut found = BTreeMap::new();
    for (sizes, before) in [(modules, ""), (parameters, r".*\.")] {
        let mut of_ending: BTreeMap<&str, Vec<Size>> = BTreeMap::new();
        for (name, size) in sizes {
            of_ending.entry(last(name)).or_default().push(*size);
        }
        for (name, size) in sizes {
            let alike = of_ending[last(name)].iter().all(|other| other == size);
            if *size == usual {
                continue;
            }
            if alike && last(name) != "weight" {
                found.insert(format!("{before}{}", regex::escape(last(name))), *size);
            } else {
                found.insert(regex::escape(name), *size);
            }
        }
    }
    found
}

pub(super) fn most_common(sizes: impl Iterator<Item = Size>) -> Option<Size> {
    let mut counts: Vec<(Size, usize)> = Vec::new();
    for size in sizes {
        match counts.iter_mut().find(|(other, _)| *other == size) {
            Some((_, count)) => *count += 1,
            None => counts.push((size, 1)),
        }
    }
    // The first of equals.
    counts.reverse();
    counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map(|(size, _)| size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_short_where_they_take_no_other() {
        let known = [
            "layers.0.mlp.gate",
            "layers.0.mlp.shared_expert_gate",
            "layers.0.attn.q_proj",
            "layers.1.attn.q_proj",
            "layers.0.attn.v_proj",
            "layers.1.attn.v_proj",
        ];
        let chosen = BTreeSet::from([known[2], known[3], known[4]]);
        let dotted = |entry: &str, name: &str| crate::pattern::takes(entry, name);
        assert_eq!(entries(&chosen, &known, last, dotted), [known[4], "q_proj"]);
        // `gate` would also take the shared expert's.
        let gate = BTreeSet::from([known[0]]);
        let ends = |entry: &str, name: &str| name.ends_with(entry);
        assert_eq!(entries(&gate, &known, behind_number, ends), ["mlp.gate"]);
        assert_eq!(behind_number("lm_head"), "lm_head");
    }

    #[test]
    fn sizes_that_are_not_usual_have_patterns() {
        let sizes = |all: &[(&str, usize)]| -> BTreeMap<String, Size> {
            let sizes = all
                .iter()
                .map(|(name, rank)| ((*name).to_owned(), (*rank, 2.0)));
            sizes.collect()
        };
        let modules = sizes(&[
            ("a.0.q", 4),
            ("a.1.q", 4),
            ("a.0.v", 2),
            ("a.1.v", 2),
            ("a.0.o", 1),
            ("a.1.o", 4),
        ]);
        assert_eq!(most_common(modules.values().copied()), Some((4, 2.0)));
        let parameters = sizes(&[("a.0.experts.gate_up_proj", 8), ("a.0.gate.weight", 2)]);
        let found = patterns(&modules, &parameters, (4, 2.0));
        let expected = [
            (r".*\.gate_up_proj", 8),
            (r"a\.0\.gate\.weight", 2),
            (r"a\.0\.o", 1),
            ("v", 2),
        ];
        assert_eq!(found, sizes(&expected));
    }
}
