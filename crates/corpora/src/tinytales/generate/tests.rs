use std::collections::{BTreeMap, BTreeSet};

use registry::Count;

use super::*;
use crate::{
    CorpusConfig, TokenizerConfig,
    tokenizer::{CharTokenizer, Tokenizer},
};

fn config(stories: usize, seed: u64) -> TinytalesConfig {
    TinytalesConfig {
        stories: Count::new(stories),
        seed,
        ..TinytalesConfig::default()
    }
}

fn sentence(template: &str) -> String {
    let mut text = AnnotatedText::default();
    Story::begin(&[Topic::Sea], stream(3, "test", 0)).sentence(template, &mut text);
    text.text
}

#[test]
fn sentences_are_written_as_people_write_them() {
    assert_eq!(
        sentence("then a apple and a useful egg fell~v ."),
        "Then an apple and a useful egg fell."
    );
    assert_eq!(
        sentence("<< we need~v it , >> said~v Tom . << it is~v here . >>"),
        "\"We need it,\" said Tom. \"It is here.\""
    );
    assert_eq!(
        sentence("<< can~v I ? >> asked~v Tom ."),
        "\"Can I?\" asked Tom."
    );
}

#[test]
fn every_template_can_be_filled() {
    let families = [
        grammar::OPENINGS,
        grammar::WISHES,
        grammar::EVENTS,
        grammar::SPEECHES,
        grammar::ENDINGS,
    ];
    for template in families.into_iter().flatten() {
        let text = sentence(template);
        assert!(!text.contains(['{', '}', '~', '<', '>']), "{text}");
        assert!(text.ends_with(['.', '"']), "{text}");
    }
}

#[test]
fn no_word_belongs_to_two_topics() {
    let mut owner = BTreeMap::new();
    for topic in Topic::ALL {
        let words = topic.words();
        for word in [words.nouns, words.verbs, words.adjectives, words.places]
            .into_iter()
            .flatten()
        {
            assert_eq!(owner.insert(*word, topic), None, "{word}");
        }
    }
    assert!(FEELINGS.iter().all(|word| !owner.contains_key(word)));
}

#[test]
fn the_ground_truth_covers_the_text() {
    let tales = generate(&config(50, 1)).unwrap();
    for text in [&tales.train, &tales.valid] {
        let mut at = 0;
        for span in &text.roles {
            assert_eq!(span.range.start, at);
            at = span.range.end;
        }
        assert_eq!(at, text.text.len());
        let mut at = 0;
        for story in &text.stories {
            assert_eq!(story.range.start, at);
            at = story.range.end;
            assert!(text.text[story.range.clone()].ends_with(".\n<|endoftext|>\n"));
            assert_eq!(text.topic_at(story.range.start), Some(story.topic));
            assert_eq!(text.topic_at(story.range.end - 1), Some(story.topic));
        }
        assert_eq!(at, text.text.len());
    }
    assert_eq!(
        (tales.train.stories.len(), tales.valid.stories.len()),
        (50, 5)
    );
}

#[test]
fn text_alone_and_digest_alone_are_those_of_the_annotated_text() {
    let config = config(50, 1);
    let tales = generate(&config).unwrap();
    let (texts, of_texts) = texts(&config).unwrap();
    assert_eq!(
        (texts.train, texts.valid),
        (tales.train.text.clone(), tales.valid.text.clone())
    );
    assert_eq!(of_texts, tales.digests());
    assert_eq!(digests(&config).unwrap(), tales.digests());
}

#[test]
fn topic_words_stay_in_their_stories() {
    let tales = generate(&config(200, 1)).unwrap();
    for story in &tales.train.stories {
        let text = &tales.train.text[story.range.clone()];
        let words: BTreeSet<_> = text.split(|c: char| !c.is_ascii_alphabetic()).collect();
        for other in Topic::ALL.into_iter().filter(|topic| *topic != story.topic) {
            assert!(
                other.words().nouns.iter().all(|noun| !words.contains(noun)),
                "{text}"
            );
        }
    }
}

#[test]
fn text_depends_on_the_seed_and_splits_share_no_story() {
    let tales = generate(&config(300, 1)).unwrap();
    assert_eq!(tales, generate(&config(300, 1)).unwrap());
    assert_ne!(
        tales.train.text,
        generate(&config(300, 2)).unwrap().train.text
    );
    let longer = generate(&config(400, 1)).unwrap();
    assert!(longer.train.text.starts_with(&tales.train.text));
    let stories = |text: &'_ AnnotatedText| -> BTreeSet<String> {
        text.stories
            .iter()
            .map(|story| text.text[story.range.clone()].to_owned())
            .collect()
    };
    assert!(stories(&tales.train).is_disjoint(&stories(&tales.valid)));
}

#[test]
fn the_first_stories_of_the_default_seed_do_not_change() {
    let tales = generate(&config(3, 0)).unwrap();
    assert_eq!(
        tales.digests()[0].blake3,
        "a77c9a843a1afbbddacee5910812a3012a0a92248079904775e73ead71ae0e65"
    );
}

#[test]
fn tokens_are_labelled() {
    let tales = generate(&config(20, 1)).unwrap();
    let tokenizer = Tokenizer::Char(CharTokenizer::of_training_text(&tales.train.text));
    let labels = tales.train.labels(&tokenizer).unwrap();
    let ids = tokenizer.encode(&tales.train.text).unwrap();
    assert_eq!(labels.len(), ids.len());
    for (label, id) in labels.iter().zip(&ids) {
        let is_separator = *id == CharTokenizer::SEPARATOR;
        assert_eq!(label.role == Role::Separator, is_separator);
        let is_space = matches!(tokenizer.token_text(*id).as_str(), " " | "\n");
        assert_eq!(label.role == Role::Space, is_space);
    }
    assert_eq!(labels[0].topic, tales.train.stories[0].topic);
}

#[test]
fn validation_labels_are_those_of_the_text_that_a_dataset_holds() {
    let corpus: CorpusConfig = config(30, 1).into();
    let data = crate::DataDir::new("nowhere");
    let policy = crate::FetchPolicy::Never;
    let dataset = crate::load(&corpus, &TokenizerConfig::default(), &data, policy).unwrap();
    let labels = crate::valid_labels(&corpus, &dataset.tokenizer).unwrap();
    let valid = generate(&config(30, 1)).unwrap().valid;
    let expected = valid.labels(&dataset.tokenizer).unwrap();
    assert_eq!(expected.len(), dataset.valid.ids.len());
    assert_eq!(labels, Some(expected));
    let other = CorpusConfig::default();
    let labels = crate::valid_labels(&other, &dataset.tokenizer).unwrap();
    assert_eq!(labels, None);
}

#[test]
fn no_topics_is_an_error() {
    let config = TinytalesConfig {
        topics: Vec::new(),
        ..config(1, 0)
    };
    assert!(matches!(generate(&config), Err(CorpusError::NoTopics)));
}
