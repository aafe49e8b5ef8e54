//! Text from files and command lines, made fit for a terminal: what would move the cursor, clear the
//! screen or rename the window is shown, not sent.

use std::{borrow::Cow, fmt::Write};

/// The text with its control characters written out, but for the ends of lines and tabs.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
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

/// Controls of the first and second kind, and marks that reorder what follows them.
fn is_control(character: char) -> bool {
    let kept = matches!(character, '\n' | '\t' | '\r');
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
}
