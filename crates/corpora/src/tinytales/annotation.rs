//! What every byte of a generated text is.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Topic;
use crate::{CorpusError, tokenizer::Tokenizer};

/// The role of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The name of a person; shared by all topics.
    Name,
    /// A noun.
    Noun,
    /// A verb.
    Verb,
    /// An adjective.
    Adjective,
    /// Articles, pronouns, prepositions and other small words; shared by all topics.
    Function,
    /// Punctuation.
    Punctuation,
    /// Spaces and line breaks.
    Space,
    /// The separator of stories.
    Separator,
}

impl Role {
    /// Every role, in the order of figures.
    pub const ALL: [Self; 8] = [
        Self::Name,
        Self::Noun,
        Self::Verb,
        Self::Adjective,
        Self::Function,
        Self::Punctuation,
        Self::Space,
        Self::Separator,
    ];

    /// The name in result tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Noun => "noun",
            Self::Verb => "verb",
            Self::Adjective => "adjective",
            Self::Function => "function",
            Self::Punctuation => "punctuation",
            Self::Space => "space",
            Self::Separator => "separator",
        }
    }
}

/// A stretch of bytes with one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleSpan {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// Their role.
    pub role: Role,
}

/// One story, its separator included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorySpan {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// What the story is about.
    pub topic: Topic,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLabel {
    /// The role of its text.
    pub role: Role,
    /// The topic of its story.
    pub topic: Topic,
}

/// A text and its ground truth. The spans follow one another and cover the text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnnotatedText {
    /// The text.
    pub text: String,
    /// The role of every byte.
    pub roles: Vec<RoleSpan>,
    /// The topic of every byte.
    pub stories: Vec<StorySpan>,
}

impl AnnotatedText {
    /// Adds a piece of text.
    pub(super) fn push(&mut self, piece: &str, role: Role) {
        let start = self.text.len();
        self.text += piece;
        self.roles.push(RoleSpan {
            range: start..self.text.len(),
            role,
        });
    }

    /// The role of a byte.
    pub fn role_at(&self, byte: usize) -> Option<Role> {
        let index = self.roles.partition_point(|span| span.range.end <= byte);
        self.roles.get(index).map(|span| span.role)
    }

    /// The topic of a byte's story.
    pub fn topic_at(&self, byte: usize) -> Option<Topic> {
        let index = self
            .stories
            .partition_point(|story| story.range.end <= byte);
        self.stories.get(index).map(|story| story.topic)
    }

    /// The label of every token, in the order of the ids that the tokenizer makes of the text.
    ///
    /// A token that covers several roles, such as a space and the word after it, has the role of
    /// its last byte.
    pub fn labels(&self, tokenizer: &Tokenizer) -> Result<Vec<TokenLabel>, CorpusError> {
        let spans = tokenizer.encode_spans(&self.text)?;
        let last = self.text.len().saturating_sub(1);
        let label = |(_, range): (u32, Range<usize>)| {
            let byte = range.end.saturating_sub(1).max(range.start).min(last);
            self.role_at(byte)
                .zip(self.topic_at(byte))
                .map(|(role, topic)| TokenLabel { role, topic })
        };
        Ok(spans.into_iter().filter_map(label).collect())
    }
}
