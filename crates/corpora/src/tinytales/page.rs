//! What stories are written on: text with its ground truth, text alone, or nothing but a digest.

use super::{AnnotatedText, Role, StorySpan, Topic};
use crate::Digest;

/// What stories are written on.
pub(super) trait Page {
    /// Adds a piece of text.
    fn push(&mut self, piece: &str, role: Role);

    /// The story that was being written is over.
    fn end_story(&mut self, topic: Topic);
}

impl Page for AnnotatedText {
    fn push(&mut self, piece: &str, role: Role) {
        AnnotatedText::push(self, piece, role);
    }

    fn end_story(&mut self, topic: Topic) {
        let start = self.stories.last().map_or(0, |story| story.range.end);
        self.stories.push(StorySpan {
            range: start..self.text.len(),
            topic,
        });
    }
}

impl Page for String {
    fn push(&mut self, piece: &str, _: Role) {
        self.push_str(piece);
    }

    fn end_story(&mut self, _: Topic) {}
}

/// A text that is hashed and not kept.
#[derive(Debug, Default)]
pub(super) struct Hashed {
    story: String,
    bytes: u64,
    hasher: blake3::Hasher,
}

impl Page for Hashed {
    fn push(&mut self, piece: &str, _: Role) {
        self.story.push_str(piece);
    }

    fn end_story(&mut self, _: Topic) {
        self.hasher.update(self.story.as_bytes());
        self.bytes += self.story.len() as u64;
        self.story.clear();
    }
}

impl Hashed {
    /// The digest of all stories, the same as that of the text that they are.
    pub(super) fn digest(&self, file: &str) -> Digest {
        Digest {
            file: file.to_owned(),
            bytes: self.bytes,
            blake3: self.hasher.finalize().to_hex().to_string(),
        }
    }
}
