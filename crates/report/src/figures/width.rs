//! How wide text will be, without a font to ask.

/// An upper estimate of the width of `text` at `size`, in pixels.
///
/// The widths are those of DejaVu Sans, one of the widest of the common sans-serif fonts, so that what fits by this
/// estimate fits in Arial and Helvetica too.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

fn em(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | '\'' | '|' => 0.28,
        ' ' | '.' | ',' | ':' | ';' | '·' => 0.32,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '-' | '!' | 'I' | 'J' => 0.41,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '—' | '…' => 1.0,
        '+' | '=' | '<' | '>' | '±' | '≥' | '≤' => 0.84,
        '\u{2009}' => 0.2,
        'A'..='Z' => 0.74,
        _ => 0.64,
    }
}

/// Breaks text into lines no wider than `width`, at spaces.
pub(super) fn wrapped(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line} {word}"), size) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// As much of the text as is no wider than `width`, and an ellipsis in the place of the rest.
pub(super) fn shortened(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let fits = |end: &usize| text_width(&text[..*end], size) + text_width("…", size) <= width;
    let ends = text.char_indices().map(|(end, _)| end);
    let kept = ends.take_while(fits).last().unwrap_or(0);
    format!("{}…", text[..kept].trim_end_matches([' ', ',']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_letters_are_wider() {
        assert!(text_width("mmm", 12.0) > text_width("iii", 12.0) * 3.0);
        assert!((text_width("12", 10.0) - 12.8).abs() < 1e-9);
    }

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis() {
        assert_eq!(shortened("r 8, parallel", 10.0, 200.0), "r 8, parallel");
        let short = shortened("PERFT-R 2 of 4, r 8, parallel", 10.0, 100.0);
        assert!(
            short.starts_with("PERFT-R") && short.ends_with('…'),
            "{short}"
        );
        assert!(text_width(&short, 10.0) <= 100.0);
        assert_eq!(shortened("é", 10.0, 0.0), "…");
    }

    #[test]
    fn lines_break_at_spaces_and_lose_no_word() {
        let text = "mean over three seeds and the interval of that mean";
        let lines = wrapped(text, 13.0, 150.0);
        assert!(lines.len() > 1);
        assert!(lines.iter().all(|line| text_width(line, 13.0) <= 150.0));
        assert_eq!(lines.join(" "), text);
    }
}
