//! How many tokens the texts of a sweep know, which a plan needs for the sizes of models.

use std::collections::BTreeMap;

use crate::{
    jobs::{Job, Sizes, Source},
    session::Session,
};

/// Above this many bytes of text, the vocabulary is not counted.
const MOST_BYTES: u64 = 256 << 20;

/// Vocabulary sizes; each text is read once.
pub(super) struct Vocabularies<'a> {
    session: &'a Session,
    known: BTreeMap<String, Option<usize>>,
}

impl<'a> Vocabularies<'a> {
    pub(super) fn of(session: &'a Session) -> Self {
        Self {
            session,
            known: BTreeMap::new(),
        }
    }

    /// The sizes of a trial, those that its text decides among them.
    pub(super) fn sizes(&mut self, job: &dyn Job) -> Option<Sizes> {
        let sources = job.sources();
        let vocab = sources.iter().find_map(|source| self.size(source));
        job.sizes(vocab)
    }

    fn size(&mut self, text: &Source<'_>) -> Option<usize> {
        let key = text.key();
        if !self.known.contains_key(&key) {
            self.known.insert(key.clone(), self.count(text));
        }
        self.known[&key]
    }

    /// `None` where the text is too long to be read for a plan, or is cut into no tokens.
    fn count(&self, text: &Source<'_>) -> Option<usize> {
        let (tokenizer, data) = (text.tokenizer?, &self.session.data);
        let digests = text.digests(data).ok()?;
        if digests.iter().map(|digest| digest.bytes).sum::<u64>() > MOST_BYTES {
            return None;
        }
        let dataset = corpora::load(text.corpus, tokenizer, data, corpora::FetchPolicy::Never);
        Some(dataset.ok()?.tokenizer.vocab_size())
    }
}
