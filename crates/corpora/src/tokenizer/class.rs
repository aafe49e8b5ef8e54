//! Sorts of tokens, for asking which expert gets which.

use serde::{Deserialize, Serialize};

/// The sort of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenClass {
    /// Spaces and tabs.
    Space,
    /// White space with a line break.
    Newline,
    /// One letter (character vocabularies).
    Letter,
    /// Digits.
    Digit,
    /// Punctuation.
    Punctuation,
    /// A subword that starts a word.
    WordStart,
    /// A subword that continues a word.
    WordPart,
    /// A token that stands for no text of its own, such as `<|endoftext|>`.
    Special,
    /// Anything else: symbols, control characters, parts of characters, mixtures.
    Other,
}

impl TokenClass {
    /// Every class, in the order of figures.
    pub const ALL: [Self; 9] = [
        Self::Space,
        Self::Newline,
        Self::Letter,
        Self::Digit,
        Self::Punctuation,
        Self::WordStart,
        Self::WordPart,
        Self::Special,
        Self::Other,
    ];

    /// The name in result tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Space => "space",
            Self::Newline => "newline",
            Self::Letter => "letter",
            Self::Digit => "digit",
            Self::Punctuation => "punctuation",
            Self::WordStart => "word_start",
            Self::WordPart => "word_part",
            Self::Special => "special",
            Self::Other => "other",
        }
    }

    /// The class of one character.
    pub fn of_char(character: char) -> Self {
        match character {
            '\n' | '\r' => Self::Newline,
            c if c.is_whitespace() => Self::Space,
            c if c.is_alphabetic() => Self::Letter,
            c if c.is_numeric() => Self::Digit,
            c if is_punctuation(c) => Self::Punctuation,
            _ => Self::Other,
        }
    }

    /// The class of a subword: its text, and whether it starts a word.
    pub(super) fn of_subword(text: &str, starts_word: bool) -> Self {
        if !text.is_empty() && text.chars().all(char::is_whitespace) {
            let broken = text.contains(['\n', '\r']);
            return if broken { Self::Newline } else { Self::Space };
        }
        let mut characters = text.trim().chars();
        let Some(first) = characters.next() else {
            return Self::Other;
        };
        let class = Self::of_char(first);
        // An apostrophe inside a word does not make it a mixture.
        let alike = |c| Self::of_char(c) == class || (class == Self::Letter && c == '\'');
        match (characters.all(alike), class) {
            (false, _) => Self::Other,
            (true, Self::Letter) if starts_word => Self::WordStart,
            (true, Self::Letter) => Self::WordPart,
            (true, class) => class,
        }
    }
}

/// ASCII punctuation, the marks of Latin-1 and general punctuation (quotes, dashes, ellipsis).
fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '¡' | '§' | '«' | '¶' | '·' | '»' | '¿' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters() {
        let classes: Vec<_> = "a 9.\n\t“é$€"
            .chars()
            .map(|c| TokenClass::of_char(c).name())
            .collect();
        assert_eq!(
            classes,
            [
                "letter",
                "space",
                "digit",
                "punctuation",
                "newline",
                "space",
                "punctuation",
                "letter",
                "punctuation",
                "other"
            ]
        );
    }

    #[test]
    fn subwords() {
        assert_eq!(TokenClass::of_subword(" the", true), TokenClass::WordStart);
        assert_eq!(TokenClass::of_subword("ing", false), TokenClass::WordPart);
        assert_eq!(TokenClass::of_subword(" 42", true), TokenClass::Digit);
        assert_eq!(
            TokenClass::of_subword("!\"", false),
            TokenClass::Punctuation
        );
        assert_eq!(TokenClass::of_subword("a1", false), TokenClass::Other);
        assert_eq!(TokenClass::of_subword(" \n", false), TokenClass::Newline);
        assert_eq!(TokenClass::of_subword("", false), TokenClass::Other);
    }
}
