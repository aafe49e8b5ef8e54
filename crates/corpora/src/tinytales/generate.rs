//! Writing the stories.

use rand_chacha::ChaCha8Rng;

use super::{
    AnnotatedText, Role, Topic,
    grammar::{self, Word},
    lexicon::{FEELINGS, PEOPLE, Pronouns},
    page::{Hashed, Page},
};
use crate::{
    CorpusError, Digest,
    config::TinytalesConfig,
    seeds::{below, stream},
    text::{SEPARATOR, Texts},
};

/// One validation story for this many training stories.
const VALID_ONE_IN: usize = 10;

/// The names of the two texts.
const NAMES: [&str; 2] = ["tinytales/train", "tinytales/valid"];

/// Generated training and validation text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tales {
    /// The training stories.
    pub train: AnnotatedText,
    /// The validation stories.
    pub valid: AnnotatedText,
}

impl Tales {
    /// The digests of the two texts, under the names `tinytales/train` and `tinytales/valid`.
    pub fn digests(&self) -> Vec<Digest> {
        of_texts([&self.train.text, &self.valid.text])
    }
}

fn of_texts(texts: [&str; 2]) -> Vec<Digest> {
    let named = NAMES.into_iter().zip(texts);
    let digest = |(name, text): (_, &str)| Digest::of_bytes(name, text.as_bytes());
    named.map(digest).collect()
}

/// Generates the stories of a configuration, with their ground truth.
pub fn generate(config: &TinytalesConfig) -> Result<Tales, CorpusError> {
    let [train, valid] = written(config)?;
    Ok(Tales { train, valid })
}

/// The stories and their digests, without the ground truth, which takes many times their room.
pub(crate) fn texts(config: &TinytalesConfig) -> Result<(Texts, Vec<Digest>), CorpusError> {
    let [train, valid]: [String; 2] = written(config)?;
    let digests = of_texts([&train, &valid]);
    Ok((Texts { train, valid }, digests))
}

/// The digests of the stories, none of which is kept.
pub(crate) fn digests(config: &TinytalesConfig) -> Result<Vec<Digest>, CorpusError> {
    let pages: [Hashed; 2] = written(config)?;
    let named = NAMES.into_iter().zip(&pages);
    Ok(named.map(|(name, page)| page.digest(name)).collect())
}

/// The validation stories with their ground truth.
pub(crate) fn valid(config: &TinytalesConfig) -> Result<AnnotatedText, CorpusError> {
    check(config)?;
    Ok(valid_page(config))
}

/// Writes the training stories and the validation stories.
fn written<P: Page + Default>(config: &TinytalesConfig) -> Result<[P; 2], CorpusError> {
    check(config)?;
    let stories = config.stories.get() as u64;
    Ok([page(config, "tinytales-train", stories), valid_page(config)])
}

fn check(config: &TinytalesConfig) -> Result<(), CorpusError> {
    if config.topics.is_empty() {
        return Err(CorpusError::NoTopics);
    }
    Ok(())
}

fn valid_page<P: Page + Default>(config: &TinytalesConfig) -> P {
    let stories = config.stories.get().div_ceil(VALID_ONE_IN) as u64;
    page(config, "tinytales-valid", stories)
}

fn page<P: Page + Default>(config: &TinytalesConfig, stream_name: &str, stories: u64) -> P {
    let mut page = P::default();
    for number in 0..stories {
        // A stream for each story, so that more stories leave the first ones as they were.
        let rng = stream(config.seed, stream_name, number);
        Story::begin(&config.topics, rng).write(&mut page);
    }
    page
}

/// What stays the same through a story.
struct Story {
    rng: ChaCha8Rng,
    topic: Topic,
    hero: (&'static str, Pronouns),
    friend: &'static str,
    thing: &'static str,
}

/// One piece of a sentence.
struct Piece {
    text: String,
    role: Role,
    /// Whether a space stands before it.
    apart: bool,
}

impl Story {
    fn begin(topics: &[Topic], mut rng: ChaCha8Rng) -> Self {
        let topic = choose(&mut rng, topics);
        let hero = below(&mut rng, PEOPLE.len());
        // Any of the others.
        let friend = (hero + 1 + below(&mut rng, PEOPLE.len() - 1)) % PEOPLE.len();
        let thing = choose(&mut rng, topic.words().nouns);
        Self {
            rng,
            topic,
            hero: PEOPLE[hero],
            friend: PEOPLE[friend].0,
            thing,
        }
    }

    fn write(mut self, text: &mut impl Page) {
        let sentences = self.sentences();
        for (index, template) in sentences.iter().enumerate() {
            if index > 0 {
                // A new paragraph before what is said and before the end.
                let paragraph = template.starts_with("<<") || index + 1 == sentences.len();
                text.push(if paragraph { "\n" } else { " " }, Role::Space);
            }
            self.sentence(template, text);
        }
        text.push("\n", Role::Space);
        text.push(SEPARATOR, Role::Separator);
        text.push("\n", Role::Space);
        text.end_story(self.topic);
    }

    /// The plan: an opening, a wish, two to five events with something said among them, an end.
    fn sentences(&mut self) -> Vec<&'static str> {
        let mut plan = vec![
            choose(&mut self.rng, grammar::OPENINGS),
            choose(&mut self.rng, grammar::WISHES),
        ];
        let events = 2 + below(&mut self.rng, 4);
        let said_after = below(&mut self.rng, events);
        for event in 0..events {
            plan.push(choose(&mut self.rng, grammar::EVENTS));
            if event == said_after {
                plan.push(choose(&mut self.rng, grammar::SPEECHES));
            }
        }
        plan.push(choose(&mut self.rng, grammar::ENDINGS));
        plan
    }

    fn sentence(&mut self, template: &str, text: &mut impl Page) {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut opened = false;
        for word in grammar::words(template) {
            let (word, role, apart) = match word {
                Word::Slot(slot) => {
                    let (word, role) = self.fill(slot);
                    (word, role, !opened)
                }
                Word::Fixed(word, role) => (word, role, !opened),
                Word::Mark(mark) => (mark, Role::Punctuation, false),
                Word::Open => ("\"", Role::Punctuation, true),
                Word::Close => ("\"", Role::Punctuation, false),
            };
            opened = word == "\"" && apart;
            pieces.push(Piece {
                text: word.to_owned(),
                role,
                apart,
            });
        }
        articles(&mut pieces);
        capitals(&mut pieces);
        for (index, piece) in pieces.iter().enumerate() {
            if piece.apart && index > 0 {
                text.push(" ", Role::Space);
            }
            text.push(&piece.text, piece.role);
        }
    }

    fn fill(&mut self, slot: &str) -> (&'static str, Role) {
        let words = self.topic.words();
        match slot {
            "hero" => (self.hero.0, Role::Name),
            "friend" => (self.friend, Role::Name),
            "she" => (self.hero.1.subject, Role::Function),
            "her" => (self.hero.1.object, Role::Function),
            "hers" => (self.hero.1.possessive, Role::Function),
            "thing" => (self.thing, Role::Noun),
            "noun" => (choose(&mut self.rng, words.nouns), Role::Noun),
            "verb" => (choose(&mut self.rng, words.verbs), Role::Verb),
            "adjective" => (choose(&mut self.rng, words.adjectives), Role::Adjective),
            "place" => (choose(&mut self.rng, words.places), Role::Noun),
            "feeling" => (choose(&mut self.rng, FEELINGS), Role::Adjective),
            _ => unreachable!("a test fills every slot of every template, and `{slot}` is none"),
        }
    }
}

fn choose<T: Copy>(rng: &mut ChaCha8Rng, from: &[T]) -> T {
    from[below(rng, from.len())]
}

/// `a` before a vowel is `an`.
fn articles(pieces: &mut [Piece]) {
    for index in 1..pieces.len() {
        let vowel = pieces[index].text.starts_with(['a', 'e', 'i', 'o', 'u']);
        // "useful" starts with the sound of "you".
        if pieces[index - 1].text == "a" && vowel && pieces[index].text != "useful" {
            pieces[index - 1].text.push('n');
        }
    }
}

/// The first word of a sentence starts with a capital, within quotation marks too.
fn capitals(pieces: &mut [Piece]) {
    let mut begins = true;
    for piece in pieces {
        if piece.role == Role::Punctuation {
            let opens = piece.text == "\"" && piece.apart;
            begins |= opens || piece.text == ".";
        } else if begins {
            let first = piece.text[..1].to_uppercase();
            piece.text.replace_range(..1, &first);
            begins = false;
        }
    }
}

#[cfg(test)]
mod tests;
