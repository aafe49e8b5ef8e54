//! Sentence templates and how they are written.
//!
//! A template is a list of words between spaces:
//!
//! | written | is |
//! |---|---|
//! | `{hero}` `{friend}` | the two names of the story |
//! | `{she}` `{her}` `{hers}` | the hero's pronouns: subject, object, possessive |
//! | `{thing}` | the noun that the story is about |
//! | `{noun}` `{verb}` `{adjective}` `{place}` | a word of the topic, drawn anew each time |
//! | `{feeling}` | a feeling, drawn anew |
//! | `word~v` `word~n` `word~a` | a fixed verb, noun or adjective |
//! | `.` `,` `!` `?` | punctuation, with no space before it |
//! | `<<` `>>` | quotation marks |
//! | anything else | a function word |
//!
//! `a` becomes `an` before a vowel, and the first letter of a sentence is a capital.

use super::Role;

/// How stories begin.
pub(super) const OPENINGS: &[&str] = &[
    "Once upon a time~n , there was~v a {feeling} child~n called~v {hero} .",
    "One day~n , {hero} went~v to the {place} .",
    "{hero} lived~v near a {adjective} {place} .",
    "It was~v a {adjective} morning~n at the {place} .",
    "Long ago , {hero} and {friend} met~v at the {place} .",
    "{hero} had~v a {adjective} {thing} .",
];

/// What sets a story going.
pub(super) const WISHES: &[&str] = &[
    "{she} saw~v a {adjective} {thing} near the {noun} .",
    "{she} wanted~v the {adjective} {thing} very much .",
    "{hero} loved~v the {thing} more than the {noun} .",
    "{hers} {thing} was~v {adjective} and {adjective} .",
    "{friend} gave~v {her} a {thing} and a {noun} .",
];

/// What happens.
pub(super) const EVENTS: &[&str] = &[
    "{hero} {verb} the {thing} all day~n .",
    "then {friend} {verb} a {adjective} {noun} .",
    "they {verb} the {noun} together at the {place} .",
    "but the {thing} was~v too {adjective} for {her} .",
    "{she} looked~v for the {noun} behind the {thing} .",
    "{friend} was~v {feeling} because the {noun} was~v {adjective} .",
    "at the {place} , {she} {verb} a {noun} .",
    "the {noun} fell~v on the {thing} , and {hero} was~v {feeling} .",
    "{hero} and {friend} {verb} the {adjective} {thing} .",
    "soon a {noun} and a {adjective} {noun} were~v at the {place} .",
    "nobody {verb} the {noun} , so {friend} {verb} it .",
    "when {friend} {verb} the {thing} , {she} was~v {feeling} .",
];

/// What is said.
pub(super) const SPEECHES: &[&str] = &[
    "<< look~v at my {adjective} {thing} ! >> said~v {hero} .",
    "<< can~v I have~v the {noun} ? >> asked~v {friend} .",
    "<< do~v not be~v {feeling} , >> said~v {friend} .",
    "<< we need~v a {noun} , >> said~v {hero} . << it is~v at the {place} . >>",
    "<< I {verb} the {thing} , >> said~v {friend} .",
];

/// How stories end.
pub(super) const ENDINGS: &[&str] = &[
    "in the end~n , {hero} was~v {feeling} .",
    "{hero} and {friend} took~v the {thing} home~n .",
    "{she} never forgot~v the {adjective} {thing} .",
    "from that day~n on , the {thing} stayed~v at the {place} .",
    "they were~v {feeling} , and they {verb} the {thing} again .",
    "that night~n {hero} dreamed~v of a {adjective} {noun} .",
];

/// One word of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word<'a> {
    /// A slot, by its name.
    Slot(&'a str),
    /// A fixed word and its role.
    Fixed(&'a str, Role),
    /// A punctuation mark that clings to the word before it.
    Mark(&'a str),
    /// An opening quotation mark.
    Open,
    /// A closing quotation mark.
    Close,
}

/// The words of a template.
pub(super) fn words(template: &str) -> impl Iterator<Item = Word<'_>> {
    template.split(' ').map(|word| match word {
        "<<" => Word::Open,
        ">>" => Word::Close,
        "." | "," | "!" | "?" => Word::Mark(word),
        _ => {
            if let Some(slot) = word
                .strip_prefix('{')
                .and_then(|word| word.strip_suffix('}'))
            {
                return Word::Slot(slot);
            }
            match word.split_once('~') {
                Some((word, "v")) => Word::Fixed(word, Role::Verb),
                Some((word, "n")) => Word::Fixed(word, Role::Noun),
                Some((word, "a")) => Word::Fixed(word, Role::Adjective),
                _ => Word::Fixed(word, Role::Function),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_read_word_by_word() {
        let read: Vec<_> = words("<< look~v at {thing} ! >>").collect();
        let expected = [
            Word::Open,
            Word::Fixed("look", Role::Verb),
            Word::Fixed("at", Role::Function),
            Word::Slot("thing"),
            Word::Mark("!"),
            Word::Close,
        ];
        assert_eq!(read, expected);
    }
}
