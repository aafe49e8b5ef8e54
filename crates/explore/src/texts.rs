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

/// Tokens of a text that the page carries at most: whole windows, one at the least.
pub(crate) const MOST_TOKENS: usize = 1024;

/// How much text there is of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) windows: usize,
    /// Tokens of a window.
    pub(crate) length: usize,
}

impl Size {
    /// The windows that are carried of those that a trial was sampled on.
    pub(crate) fn of(trial: &TrialRow, rows: &[&TokenRow]) -> Self {
        let most = |of: fn(&TokenRow) -> u64| rows.iter().map(|row| of(row) as usize + 1).max();
        let seen = most(|row| row.position).unwrap_or(1);
        let length = trial
            .sequence
            .map_or(seen, |length| seen.max(length as usize));
        let windows = most(|row| row.window).unwrap_or(0);
        Self {
            windows: windows.min((MOST_TOKENS / length).max(1)),
            length,
        }
    }
}

/// All words and texts of a page.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    places: BTreeMap<Word, usize>,
    words: Vec<Word>,
    list: Vec<Text>,
}

impl Texts {
    /// The number of the text that these rows of a trial are of.
    pub(crate) fn of(&mut self, trial: &TrialRow, rows: &[&TokenRow], size: Size) -> usize {
        let Size { windows, length } = size;
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
        self.place(text)
    }

    /// The list of words, and that of texts.
    pub(crate) fn into_lists(self) -> (Vec<Word>, Vec<Text>) {
        (self.words, self.list)
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
        let found = self.list.iter().position(|known| known.agrees(&text));
        let Some(place) = found else {
            self.list.push(text);
            return self.list.len() - 1;
        };
        let known = &mut self.list[place].words;
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
        let mut of = |rows: &[TokenRow]| {
            let rows: Vec<&TokenRow> = rows.iter().collect();
            texts.of(&trial, &rows, Size::of(&trial, &rows))
        };
        // Nobody took the third token of the first trial, nor the first of the second.
        assert_eq!(of(&[row(0, 7), row(1, 8)]), 0);
        assert_eq!(of(&[row(1, 8), row(2, 7)]), 0);
        assert_eq!(of(&[row(0, 8), row(1, 8)]), 1);
        let (words, texts) = texts.into_lists();
        assert_eq!(words.len(), 2);
        // t7 is the first word, t8 the second.
        assert_eq!(texts[0].words, [1, 2, 1]);
        assert_eq!(texts[1].words, [2, 2, 0]);
    }
    #[test]
    fn whole_windows_are_carried_as_many_as_there_is_room_for() {
        let rows = [7, 2].map(|window| TokenRow {
            window,
            ..row(0, 7)
        });
        let windows = |length| {
            let trial = TrialRow {
                sequence: Some(length),
                ..TrialRow::default()
            };
            Size::of(&trial, &rows.iter().collect::<Vec<_>>()).windows
        };
        // 1024 tokens are 16 windows of 64, of which there are 8; 4 of 256; and less than one of 2000.
        assert_eq!([64, 256, 2000].map(windows), [8, 4, 1]);
    }
}
