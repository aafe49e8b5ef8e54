//! Validation text: words once for all, and windows once for all trials that read them.

use std::collections::BTreeMap;

use runstore::tables::{TokenRow, TrialRow};
use serde::Serialize;

/// Number, text and class of a token.
type Word = (u64, String, String);

/// The windows of a text, as places in the list of words plus 1; 0 where no trial says what stands there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Text {
    /// What the text is of, so that equal sizes of different texts stay apart.
    #[serde(skip)]
    source: [Option<String>; 2],
    /// Tokens of a window.
    length: usize,
    /// Window after window.
    words: Vec<usize>,
}

/// All words and texts of a page.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    places: BTreeMap<Word, usize>,
    words: Vec<Word>,
    texts: Vec<Text>,
}

impl Texts {
    /// The number of the text that a trial's samples are of, and its size: windows and tokens of each.
    pub(crate) fn of(&mut self, trial: &TrialRow, rows: &[&TokenRow]) -> (usize, usize, usize) {
        let size = |of: fn(&TokenRow) -> u64| rows.iter().map(|row| of(row) as usize + 1).max();
        let windows = size(|row| row.window).unwrap_or(0);
        let seen = size(|row| row.position).unwrap_or(0);
        let length = trial
            .sequence
            .map_or(seen, |length| seen.max(length as usize));
        let mut words = vec![0; windows * length];
        for row in rows {
            let place = row.window as usize * length + row.position as usize;
            words[place] = self.word(row) + 1;
        }
        let text = Text {
            source: [trial.corpus.clone(), trial.tokenizer.clone()],
            length,
            words,
        };
        (self.place(text), windows, length)
    }

    /// The list of words, and that of texts.
    pub(crate) fn into_lists(self) -> (Vec<Word>, Vec<Text>) {
        (self.words, self.texts)
    }

    fn word(&mut self, row: &TokenRow) -> usize {
        let word = (
            row.token_id,
            row.token_text.clone(),
            row.token_class.clone(),
        );
        let next = self.words.len();
        let place = *self.places.entry(word.clone()).or_insert(next);
        if place == next {
            self.words.push(word);
        }
        place
    }

    /// Puts the text together with one that says nothing else, or beside the others. What no expert of one trial took,
    /// another may know.
    fn place(&mut self, text: Text) -> usize {
        let found = self.texts.iter().position(|known| known.agrees(&text));
        let Some(place) = found else {
            self.texts.push(text);
            return self.texts.len() - 1;
        };
        let known = &mut self.texts[place].words;
        known.resize(known.len().max(text.words.len()), 0);
        for (known, word) in known.iter_mut().zip(text.words) {
            *known = (*known).max(word);
        }
        place
    }
}

impl Text {
    fn agrees(&self, other: &Self) -> bool {
        let same = |(own, theirs): (&usize, &usize)| own == theirs || *own == 0 || *theirs == 0;
        self.source == other.source
            && self.length == other.length
            && self.words.iter().zip(&other.words).all(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(position: u64, id: u64) -> TokenRow {
        TokenRow {
            position,
            token_id: id,
            token_text: format!("t{id}"),
            token_class: "letter".to_owned(),
            ..TokenRow::default()
        }
    }

    #[test]
    fn trials_complete_each_others_text_and_another_text_stays_apart() {
        let trial = TrialRow {
            sequence: Some(3),
            ..TrialRow::default()
        };
        let mut texts = Texts::default();
        let mut of = |rows: &[TokenRow]| texts.of(&trial, &rows.iter().collect::<Vec<_>>());
        // Nobody took the third token of the first trial, nor the first of the second.
        assert_eq!(of(&[row(0, 7), row(1, 8)]), (0, 1, 3));
        assert_eq!(of(&[row(1, 8), row(2, 7)]), (0, 1, 3));
        assert_eq!(of(&[row(0, 8), row(1, 8)]), (1, 1, 3));
        let (words, texts) = texts.into_lists();
        assert_eq!(words.len(), 2);
        // t7 is the first word, t8 the second.
        assert_eq!(texts[0].words, [1, 2, 1]);
        assert_eq!(texts[1].words, [2, 2, 0]);
    }
}
