//! Text from data, made fit for a page or a drawing: HTML and XML have no control characters.

use std::borrow::Cow;

/// The text with a picture in the place of each control character (`␛` for an escape), but for tabs and ends
/// of lines.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(|character| picture(character).is_none()) {
        return Cow::Borrowed(text);
    }
    let shown = |character| picture(character).unwrap_or(character);
    Cow::Owned(text.chars().map(shown).collect())
}

/// What stands for a character that a page may not have.
fn picture(character: char) -> Option<char> {
    match character {
        '\t' | '\n' | '\r' => None,
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)),
        '\u{7f}' => Some('\u{2421}'),
        '\u{80}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => Some(char::REPLACEMENT_CHARACTER),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_become_pictures_and_the_rest_stays() {
        assert_eq!(printable("a\u{1b}[2J\u{7}\0\u{7f}"), "a␛[2J␇␀␡");
        assert_eq!(printable("\u{9b}\u{ffff}x"), "\u{fffd}\u{fffd}x");
        let plain = "Größe ± 3\n\tx → y";
        assert!(matches!(printable(plain), Cow::Borrowed(text) if text == plain));
    }
}
