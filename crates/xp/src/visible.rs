//! Text from files and command lines, made fit for a terminal: what would move the cursor, clear the
//! screen or rename the window is shown, not sent.

use std::{borrow::Cow, fmt::Write};

/// The text with its control characters written out, but for the ends of lines and tabs.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_control(character) {
            // Only writing to the string could fail, and that cannot.
            let _ = write!(shown, "{}", character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// The text with its control characters replaced one by one, so that places in it stay where they are:
/// for text that gets colours afterwards.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let replaced = |character: char| match character {
        // Before the end of a line, as some editors write it.
        '\r' => " ".to_owned(),
        c if is_control(c) => "?".repeat(c.len_utf8()),
        c => c.to_string(),
    };
    Cow::Owned(text.chars().map(replaced).collect())
}

/// Controls of the first and second kind, and marks that reorder what follows them.
fn is_control(character: char) -> bool {
    let kept = matches!(character, '\n' | '\t');
    let reorders = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (character.is_control() && !kept) || reorders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_written_out_and_the_rest_stays() {
        assert_eq!(visible("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(visible("\u{7}\u{9b}\u{202e}"), "\\u{7}\\u{9b}\\u{202e}");
        let plain = "Größe ± 3\n\tx → y";
        assert!(matches!(visible(plain), Cow::Borrowed(text) if text == plain));
    }

    #[test]
    fn places_stay_where_they_are() {
        let text = "é\u{1b}x\u{9b}y\u{202e}z\r\n";
        let shown = harmless(text);
        assert_eq!((shown.len(), shown.as_ref()), (text.len(), "é?x??y???z \n"));
    }
}
