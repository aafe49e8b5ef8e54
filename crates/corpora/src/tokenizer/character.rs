//! One token per character.

use std::collections::{BTreeSet, HashMap};

use super::{Spanned, TokenClass, TokenLength};
use crate::{CorpusError, text::SEPARATOR};

/// How a character outside the vocabulary is written.
const UNKNOWN: &str = "<unk>";

/// A vocabulary of characters: `<unk>`, `<|endoftext|>`, then the characters in code point order.
///
/// The text `<|endoftext|>`, thirteen characters in a file, is one token here: a separator is not
/// something to spell. Everything else, the line breaks around it too, is a token per character,
/// so text comes back from its ids exactly as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CharTokenizer {
    /// Sorted; the id of `characters[i]` is `i + FIRST`.
    characters: Vec<char>,
    ids: HashMap<char, u32>,
}

impl CharTokenizer {
    /// The id of every character outside the vocabulary.
    pub const UNKNOWN: u32 = 0;
    /// The id of `<|endoftext|>`.
    pub const SEPARATOR: u32 = 1;
    /// The id of the first character.
    const FIRST: u32 = 2;

    /// The vocabulary of a training text.
    pub fn of_training_text(text: &str) -> Self {
        let characters: BTreeSet<_> = text.split(SEPARATOR).flat_map(str::chars).collect();
        Self::of_sorted(characters.into_iter().collect())
    }

    fn of_sorted(characters: Vec<char>) -> Self {
        let ids = (Self::FIRST..)
            .zip(&characters)
            .map(|(id, c)| (*c, id))
            .collect();
        Self { characters, ids }
    }

    /// The vocabulary written as a list of tokens in the order of their ids.
    pub(super) fn vocabulary(&self) -> Vec<String> {
        (0..self.vocab_size() as u32)
            .map(|id| self.token_text(id))
            .collect()
    }

    /// The tokenizer of a list that [`CharTokenizer::vocabulary`] made.
    pub(super) fn of_vocabulary(tokens: &[String]) -> Result<Self, CorpusError> {
        let broken = |reason| Err(CorpusError::Vocabulary { reason });
        let Some([UNKNOWN, SEPARATOR]) = tokens
            .get(..2)
            .map(|first| [first[0].as_str(), first[1].as_str()])
        else {
            return broken(format!("it must start with `{UNKNOWN}` and `{SEPARATOR}`"));
        };
        let mut characters = Vec::with_capacity(tokens.len() - 2);
        for (id, token) in tokens.iter().enumerate().skip(2) {
            let mut chars = token.chars();
            let (Some(character), None) = (chars.next(), chars.next()) else {
                return broken(format!("token {id} must be one character, got {token:?}"));
            };
            if characters.last().is_some_and(|last| *last >= character) {
                return broken(format!("token {id}, {token:?}, is not in code point order"));
            }
            characters.push(character);
        }
        Ok(Self::of_sorted(characters))
    }

    fn id(&self, character: char) -> u32 {
        self.ids.get(&character).copied().unwrap_or(Self::UNKNOWN)
    }

    fn character(&self, id: u32) -> Option<char> {
        self.characters
            .get(id.checked_sub(Self::FIRST)? as usize)
            .copied()
    }

    /// The ids of a text.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len());
        for (index, part) in text.split(SEPARATOR).enumerate() {
            if index > 0 {
                ids.push(Self::SEPARATOR);
            }
            ids.extend(part.chars().map(|character| self.id(character)));
        }
        ids
    }

    /// The ids of a text and the bytes that each stands for.
    pub fn encode_spans(&self, text: &str) -> Vec<Spanned> {
        let mut spans = Vec::with_capacity(text.len());
        let mut at = 0;
        for (index, part) in text.split(SEPARATOR).enumerate() {
            if index > 0 {
                spans.push((Self::SEPARATOR, at..at + SEPARATOR.len()));
                at += SEPARATOR.len();
            }
            for character in part.chars() {
                spans.push((self.id(character), at..at + character.len_utf8()));
                at += character.len_utf8();
            }
        }
        spans
    }

    /// The text of ids; U+FFFD stands for `<unk>` and for ids outside the vocabulary.
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut text = String::with_capacity(ids.len());
        for id in ids {
            match (*id, self.character(*id)) {
                (Self::SEPARATOR, _) => text.push_str(SEPARATOR),
                (_, Some(character)) => text.push(character),
                _ => text.push(char::REPLACEMENT_CHARACTER),
            }
        }
        text
    }

    /// Characters and the two special tokens.
    pub fn vocab_size(&self) -> usize {
        self.characters.len() + Self::FIRST as usize
    }

    /// The character, or the name of the special token.
    pub fn token_text(&self, id: u32) -> String {
        match (id, self.character(id)) {
            (Self::SEPARATOR, _) => SEPARATOR.to_owned(),
            (_, Some(character)) => character.to_string(),
            _ => UNKNOWN.to_owned(),
        }
    }

    /// How much text each token stands for; `<unk>` may be any character.
    pub fn token_lengths(&self) -> Vec<Option<TokenLength>> {
        let known = |id| id != Self::UNKNOWN;
        (0..self.vocab_size() as u32)
            .map(|id| known(id).then(|| TokenLength::of_text(&self.token_text(id))))
            .collect()
    }

    /// The class of the character.
    pub fn token_class(&self, id: u32) -> TokenClass {
        self.character(id)
            .map_or(TokenClass::Special, TokenClass::of_char)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_code_point_order_after_the_special_tokens() {
        let tokenizer = CharTokenizer::of_training_text("ba\n<|endoftext|>\nc");
        // `<unk>` 0, `<|endoftext|>` 1, '\n' 2, 'a' 3, 'b' 4, 'c' 5: the letters of the separator
        // are not in the vocabulary.
        assert_eq!(tokenizer.vocab_size(), 6);
        assert_eq!(tokenizer.encode("ab<|endoftext|>\nx"), [3, 4, 1, 2, 0]);
        assert_eq!(
            tokenizer.decode(&[3, 4, 1, 2, 0, 99]),
            "ab<|endoftext|>\n\u{fffd}\u{fffd}"
        );
        assert_eq!(tokenizer.token_text(0), "<unk>");
        assert_eq!(tokenizer.token_class(1), TokenClass::Special);
        assert_eq!(tokenizer.token_class(2), TokenClass::Newline);
    }

    #[test]
    fn spans_cover_the_text() {
        let text = "é<|endoftext|>b";
        let tokenizer = CharTokenizer::of_training_text(text);
        let spans = tokenizer.encode_spans(text);
        assert_eq!(spans, [(3, 0..2), (1, 2..15), (2, 15..16)]);
    }
}
