//! Several texts in one range of offsets: the file and every `--set`.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A settings tree.
pub(crate) type Tree = DeTable<'static>;

/// A value of a settings tree.
pub(crate) type Node = Spanned<DeValue<'static>>;

/// Where a value was written: a range in the offsets of [`Sources`].
pub(crate) type Span = Range<usize>;

/// The texts that settings come from, laid end to end so that one offset names one place.
///
/// A text lives as long as the program, because the parser's trees borrow from it and cannot be
/// made to own it. A program reads one sweep, so nothing accumulates.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    texts: Vec<Text>,
}

#[derive(Debug, Clone)]
struct Text {
    name: String,
    content: &'static str,
    start: usize,
}

impl Sources {
    /// Adds a text and gives the offset of its first byte, and the text itself.
    pub(crate) fn add(&mut self, name: impl Into<String>, text: &str) -> (usize, &'static str) {
        // One unused offset between texts keeps the end of one apart from the start of the next.
        let start = self
            .texts
            .last()
            .map_or(0, |last| last.start + last.content.len() + 1);
        let text: &'static str = Box::leak(text.into());
        self.texts.push(Text {
            name: name.into(),
            content: text,
            start,
        });
        (start, text)
    }

    /// The name and text that a span lies in, and the span within that text.
    pub(crate) fn locate(&self, span: &Span) -> Option<(&str, &'static str, Span)> {
        let text = self
            .texts
            .iter()
            .rev()
            .find(|text| text.start <= span.start)?;
        let clip = |offset: usize| {
            let mut at = (offset - text.start).min(text.content.len());
            while !text.content.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (clip(span.start), clip(span.end.max(span.start)));
        Some((&text.name, text.content, start..end))
    }
}

/// Moves a value's span, and those inside it, by an offset.
pub(crate) fn shift(node: &Node, by: usize) -> Node {
    let span = node.span();
    let value = match node.get_ref() {
        DeValue::Array(items) => DeValue::Array(items.iter().map(|item| shift(item, by)).collect()),
        DeValue::Table(table) => DeValue::Table(shift_table(table, by)),
        other => other.clone(),
    };
    Spanned::new(span.start + by..span.end + by, value)
}

/// Moves every span of a table by an offset.
pub(crate) fn shift_table(table: &Tree, by: usize) -> Tree {
    table
        .iter()
        .map(|(key, value)| {
            let span = key.span();
            let key = Spanned::new(span.start + by..span.end + by, key.get_ref().clone());
            (key, shift(value, by))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_names_one_place_in_one_text() {
        let mut sources = Sources::default();
        assert_eq!(sources.add("a", "12345").0, 0);
        assert_eq!(sources.add("--set", "k=2").0, 6);
        let (name, _, span) = sources.locate(&(8..9)).unwrap();
        assert_eq!((name, span), ("--set", 2..3));
        let (name, _, span) = sources.locate(&(5..5)).unwrap();
        assert_eq!((name, span), ("a", 5..5));
    }
}
