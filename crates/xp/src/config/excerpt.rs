//! What a diagnostic shows of a text: its lines as they are, and of a long line what stands around the
//! place, so that a slip in one value of thousands is not buried under the others.

use std::borrow::Cow;

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::source::Span;
use crate::visible::harmless;

/// Bytes of a line that are shown.
const WIDE: usize = 160;

/// Of those, bytes before the place.
const BEFORE: usize = 60;

/// Lines of a place that are shown; of a longer one it is the first.
const TALL: usize = 12;

const CUT: &str = "… ";

/// A text with its long lines cut, that still tells the line and column of its main place in the whole.
#[derive(Debug)]
pub(super) struct Excerpt {
    name: String,
    text: Cow<'static, str>,
    /// Where the main place begins, and the bytes of its line that were cut before it.
    main: (usize, usize),
}

/// A line of a text, without its end, and what of it is shown.
struct Line {
    whole: Span,
    shown: Span,
    /// Where the line begins in the excerpt.
    at: usize,
}

impl Line {
    fn is_cut_before(&self) -> bool {
        self.shown.start > self.whole.start
    }

    /// Where an offset of the text is in the excerpt.
    fn moved(&self, offset: usize) -> usize {
        let mark = if self.is_cut_before() { CUT.len() } else { 0 };
        let inside = offset.clamp(self.shown.start, self.shown.end);
        self.at + mark + inside - self.shown.start
    }

    /// Bytes that are missing before what is shown.
    fn missing(&self) -> usize {
        if self.is_cut_before() {
            self.shown.start - self.whole.start - CUT.len()
        } else {
            0
        }
    }
}

impl Excerpt {
    /// The excerpt that shows these places, of which the first is the main one, and where they are in it.
    pub(super) fn new(name: &str, text: &'static str, places: &[Span]) -> (Self, Vec<Span>) {
        let places: Vec<Span> = places.iter().map(|place| low(text, place)).collect();
        let near: Vec<Span> = places
            .iter()
            .map(|place| lines_around(text, place))
            .collect();
        let long = |lines: &Span| text[lines.clone()].lines().any(|line| line.len() > WIDE);
        let start = places.first().map_or(0, |place| place.start);
        if !near.iter().any(long) {
            let excerpt = Self {
                name: name.to_owned(),
                text: harmless(text),
                main: (start, 0),
            };
            return (excerpt, places);
        }
        let (text, lines) = cut(text, &places, &near);
        let text = harmless(&text).into_owned();
        let line_of = |offset: usize| {
            let after = lines.partition_point(|line| line.whole.start <= offset);
            &lines[after.saturating_sub(1)]
        };
        let moved = |place: &Span| {
            let start = line_of(place.start).moved(place.start);
            start..line_of(place.end).moved(place.end).max(start)
        };
        let main = line_of(start);
        let excerpt = Self {
            name: name.to_owned(),
            text: Cow::Owned(text),
            main: (main.moved(start), main.missing()),
        };
        (excerpt, places.iter().map(moved).collect())
    }
}

/// A place that is not taller than what is shown.
fn low(text: &str, place: &Span) -> Span {
    let own = &text[place.clone()];
    if own.lines().count() <= TALL {
        return place.clone();
    }
    let first = own.find('\n').unwrap_or(own.len());
    place.start..place.start + first
}

/// The whole lines of a place, with the line before and the line after it.
fn lines_around(text: &str, place: &Span) -> Span {
    let start = |before: usize| text[..before].rfind('\n').map_or(0, |at| at + 1);
    let first = start(place.start);
    let end = |after: usize| text[after..].find('\n').map_or(text.len(), |at| after + at);
    let last = end(place.end);
    start(first.saturating_sub(1))..end((last + 1).min(text.len()))
}

/// The text with as many lines, of which those that are shown are cut and the others empty.
fn cut(text: &str, places: &[Span], near: &[Span]) -> (String, Vec<Line>) {
    let (mut excerpt, mut lines) = (String::new(), Vec::new());
    let mut next = 0;
    for line in text.split_inclusive('\n') {
        let start = next;
        next += line.len();
        let end = start + line.trim_end_matches(['\n', '\r']).len();
        let whole = start..end;
        let is_near = near
            .iter()
            .any(|near| near.start <= end && start <= near.end);
        let shown = if is_near {
            shown(text, &whole, places)
        } else {
            start..start
        };
        let line = Line {
            whole,
            shown: shown.clone(),
            at: excerpt.len(),
        };
        if line.is_cut_before() {
            excerpt.push_str(CUT);
        }
        excerpt.push_str(&text[shown.clone()]);
        if is_near && shown.end < end {
            excerpt.push_str(" …");
        }
        excerpt.push('\n');
        lines.push(line);
    }
    (excerpt, lines)
}

/// What is shown of a line: all of it, or what stands around the first place that is in it.
fn shown(text: &str, whole: &Span, places: &[Span]) -> Span {
    if whole.len() <= WIDE {
        return whole.clone();
    }
    let inside = |place: &&Span| place.start <= whole.end && whole.start <= place.end;
    let place = places.iter().find(inside);
    let place = place.map_or(whole.start, |place| place.start.max(whole.start));
    let before = place - whole.start;
    // Not for the sake of a few bytes: the mark of a cut has some itself.
    let start = if before <= BEFORE + 2 * CUT.len() {
        whole.start
    } else {
        boundary(text, place - BEFORE)
    };
    start..boundary(text, (start + WIDE).min(whole.end))
}

/// The start of the character that a byte is of.
fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let read = self.text.read_span(span, lines_before, lines_after)?;
        let (main, missing) = self.main;
        // Without lines around it the place itself is asked for: its column is told in the heading.
        let is_main = lines_before == 0 && span.offset() == main;
        let column = read.column() + if is_main { missing } else { 0 };
        let (line, lines) = (read.line(), read.line_count());
        let name = self.name.clone();
        Ok(Box::new(MietteSpanContents::new_named(
            name,
            read.data(),
            *read.span(),
            line,
            column,
            lines,
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, text: &'static str, place: Span) -> (Excerpt, Vec<Span>) {
        Excerpt::new(name, text, std::slice::from_ref(&place))
    }

    #[test]
    fn short_lines_are_shown_as_they_are() {
        let text = "a = 1\nb = 2\n";
        let (excerpt, places) = one("f.toml", text, 10..11);
        assert!(matches!(excerpt.text, Cow::Borrowed(_)));
        assert_eq!(places, vec![10..11]);
    }

    #[test]
    fn a_long_line_is_cut_around_the_place_and_its_column_is_kept() {
        let values: Vec<_> = (0..1000).map(|n| format!("{n:04}")).collect();
        let text: &'static str =
            Box::leak(format!("a = 1\nb = [{}]\nc = 1\n", values.join(", ")).into());
        let at = text.find("0700").unwrap();
        let (excerpt, places) = Excerpt::new("f.toml", text, &[at..at + 4, 0..1]);
        assert!(excerpt.text.len() < 250, "{}", excerpt.text);
        assert_eq!(&excerpt.text[places[0].clone()], "0700");
        assert_eq!(&excerpt.text[places[1].clone()], "a");
        let place = (places[0].start, 4).into();
        let read = excerpt.read_span(&place, 0, 0).unwrap();
        // The line begins after `a = 1` and its end.
        assert_eq!((read.line(), read.column()), (1, at - 6));
        assert_eq!(read.name(), Some("f.toml"));
        let around = excerpt.read_span(&place, 1, 1).unwrap();
        let around = String::from_utf8_lossy(around.data()).into_owned();
        assert!(
            around.contains("a = 1\n… ") && around.contains(" …\nc = 1"),
            "{around}"
        );
    }

    #[test]
    fn a_tall_place_is_its_first_line() {
        let text: &'static str = Box::leak(format!("a = [\n{}]\n", "1,\n".repeat(500)).into());
        let (_, places) = one("f.toml", text, 4..text.len() - 1);
        assert_eq!(places, vec![4..5]);
    }

    #[test]
    fn places_at_the_ends_and_in_long_characters_are_places() {
        let line = "é".repeat(500);
        let text: &'static str = Box::leak(line.into());
        for place in [0..0, 0..1000, 500..502, 998..1000, 1000..1000] {
            let (excerpt, places) = one("f.toml", text, place.clone());
            assert!(excerpt.text.get(places[0].clone()).is_some(), "{place:?}");
            let span = (places[0].start, places[0].len()).into();
            assert!(excerpt.read_span(&span, 1, 1).is_ok(), "{place:?}");
        }
        let (_, places) = one("f.toml", "", 0..0);
        assert_eq!(places, vec![0..0]);
    }
}
