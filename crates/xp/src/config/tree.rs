//! Overlaying settings trees and finding places in them.

use std::borrow::Cow;

use toml::{Spanned, de::DeValue};

use super::source::{Node, Span, Tree};

/// Merges `over` into `base`: tables recursively, everything else by replacement.
///
/// At the paths in `families` a table names a member by its one key: another name replaces the
/// member that was there. An axis's range that has both ends is another range, not a part of the one there.
pub(crate) fn overlay(base: &mut Tree, over: Tree, families: &[&str]) {
    overlay_at(base, over, families, "");
}

fn overlay_at(base: &mut Tree, over: Tree, families: &[&str], prefix: &str) {
    for (key, value) in over {
        let path = join(prefix, key.get_ref());
        let span = value.span();
        match (
            base.get_mut(&**key.get_ref()).map(Spanned::get_mut),
            value.into_inner(),
        ) {
            (Some(DeValue::Table(old)), DeValue::Table(new))
                if !replaces(&path, old, &new, families) =>
            {
                overlay_at(old, new, families, &path);
            }
            (_, new) => {
                // The key goes too: its place is where the value is now written.
                base.remove(&**key.get_ref());
                base.insert(key, Spanned::new(span, new));
            }
        }
    }
}

/// Whether a table stands in the place of another, and is not merged with it.
fn replaces(path: &str, old: &Tree, new: &Tree, families: &[&str]) -> bool {
    is_whole_range(path, new) || (families.contains(&path) && names_another(old, new))
}

fn names_another(old: &Tree, new: &Tree) -> bool {
    new.keys().any(|key| !old.contains_key(&**key.get_ref()))
}

fn is_whole_range(path: &str, new: &Tree) -> bool {
    path.starts_with("axes.") && new.contains_key("from") && new.contains_key("to")
}

/// Parts of the longest path that is looked up: no setting has half as many, and trees are walked by
/// functions that call themselves.
pub(crate) const DEEPEST: usize = 32;

/// What is wrong with a path that no setting can have, however it is spelt.
pub(crate) fn too_deep(path: &str) -> Option<String> {
    let parts = path.split('.').count();
    (parts > DEEPEST).then(|| {
        let start: Vec<_> = path.split('.').take(3).collect();
        let start = start.join(".");
        format!("a path of {parts} parts, `{start}....`: no setting has more than {DEEPEST}")
    })
}

/// A tree with one value at a dotted path whose parts carry the span of the whole key.
pub(crate) fn single(path: &str, key: &Span, value: Node) -> Tree {
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let name = Spanned::new(key.clone(), Cow::Owned(first.to_owned()));
    let value = match rest {
        None => value,
        Some(rest) => Spanned::new(value.span(), DeValue::Table(single(rest, key, value))),
    };
    Tree::from_iter([(name, value)])
}

/// The span of the value at a dotted path, or of the deepest table on the way to it.
pub(crate) fn span_of(tree: &Tree, path: &str) -> Option<Span> {
    find(tree, path).map(Spanned::span)
}

/// The value at a dotted path.
pub(crate) fn find<'a>(tree: &'a Tree, path: &str) -> Option<&'a Node> {
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let node = tree.get(first)?;
    match (rest, node.get_ref()) {
        (None, _) => Some(node),
        (Some(rest), DeValue::Table(table)) => find(table, rest),
        (Some(_), _) => None,
    }
}

/// The dotted path of the value whose span is exactly this one.
pub(crate) fn path_at(tree: &Tree, span: &Span) -> Option<String> {
    walk(tree, span, "")
}

fn walk(tree: &Tree, span: &Span, prefix: &str) -> Option<String> {
    tree.iter().find_map(|(key, value)| {
        let path = join(prefix, key.get_ref());
        match value.get_ref() {
            DeValue::Table(table) => walk(table, span, &path),
            DeValue::Array(items) => {
                let inside = items.iter().any(|item| item.span() == *span);
                (inside || value.span() == *span).then_some(path)
            }
            _ => (value.span() == *span).then_some(path),
        }
    })
}

pub(crate) fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() {
        key.to_owned()
    } else {
        format!("{prefix}.{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &'static str) -> Tree {
        toml::de::DeTable::parse(text).unwrap().into_inner()
    }

    #[test]
    fn tables_merge_and_values_are_replaced() {
        let mut base = tree("[moe]\nexperts = 8\nk = 2");
        overlay(&mut base, tree("moe.k = 1"), &[]);
        assert_eq!(
            base["moe"].get_ref()["k"]
                .get_ref()
                .as_integer()
                .unwrap()
                .as_str(),
            "1"
        );
        assert_eq!(
            base["moe"].get_ref()["experts"]
                .get_ref()
                .as_integer()
                .unwrap()
                .as_str(),
            "8"
        );
    }

    #[test]
    fn another_member_of_a_family_replaces_the_first() {
        let text = "[router.strategy.hash]\ntable-seed = 3";
        let families = &["router.strategy"];
        let mut base = tree(text);
        overlay(&mut base, tree("router.strategy = { top1 = {} }"), families);
        assert!(find(&base, "router.strategy.hash").is_none());
        assert!(find(&base, "router.strategy.top1").is_some());

        let mut base = tree(text);
        overlay(&mut base, tree("router.strategy = { hash = {} }"), families);
        assert!(find(&base, "router.strategy.hash.table-seed").is_some());
    }

    #[test]
    fn a_range_with_both_ends_is_another_range() {
        let text = "axes.rate = { from = 1e-4, to = 1e-2, steps = 5, scale = 'log' }";
        let has = |over: &'static str, key: &str| {
            let mut base = tree(text);
            overlay(&mut base, tree(over), &[]);
            find(&base, &format!("axes.rate.{key}")).is_some()
        };
        assert!(!has("axes.rate = { from = 0, to = 1 }", "scale"));
        assert!(has("axes.rate.to = 1e-3", "scale") && has("axes.rate.to = 1e-3", "steps"));
    }

    #[test]
    fn a_span_leads_back_to_its_path() {
        let text = "[moe]\nexperts = 0";
        let base = tree(text);
        let span = span_of(&base, "moe.experts").unwrap();
        assert_eq!(&text[span.clone()], "0");
        assert_eq!(path_at(&base, &span).as_deref(), Some("moe.experts"));
    }
}
