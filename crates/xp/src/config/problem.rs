//! What is wrong with a sweep, where, and what to do: collected, then shown together.

use std::{collections::HashSet, fmt};

use miette::{Diagnostic, LabeledSpan, SourceCode};

use super::{
    excerpt::Excerpt,
    keys::HEADER_KEYS,
    source::{Sources, Span, Tree},
    suggest, tree, words,
};
use crate::visible::visible;

/// Problems that are shown; of others it is said how many there are.
const SHOWN: usize = 20;

/// Bytes of a message or remedy that are shown: it may quote a value, and a value may be of any length.
const WORDS: usize = 2000;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Problem {
    /// What is wrong, as a lower-case fragment.
    pub(crate) message: String,
    /// Where, with a word on each place; the first is the main one.
    pub(crate) places: Vec<(Span, String)>,
    /// What to do.
    pub(crate) help: Option<String>,
}

/// Everything found wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Problem>,
    known: HashSet<Problem>,
}

impl Problems {
    /// Adds a problem, unless the same was found before.
    pub(crate) fn add(&mut self, problem: Problem) {
        if self.known.insert(problem.clone()) {
            self.found.push(problem);
        }
    }

    /// Adds a problem at one place.
    pub(crate) fn at(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.add(Problem {
            message: message.into(),
            places: vec![(span, "here".into())],
            help: Some(help.into()),
        });
    }

    /// Adds what reading a table found, naming the setting and the nearest right name.
    pub(crate) fn read(&mut self, error: &toml::de::Error, tree: Option<&Tree>) {
        let span = error.span().unwrap_or(0..0);
        let path = tree.and_then(|tree| tree::path_at(tree, &span));
        let text = &words::plain(error.message().trim_end());
        let message = match &path {
            Some(path) => format!("`{path}`: {text}"),
            None => text.to_owned(),
        };
        let missing = text.strip_prefix("missing setting `");
        let missing = missing.and_then(|rest| rest.split('`').next());
        let help = match suggest::from_message(text) {
            Some((_, nearest)) => format!("did you mean `{nearest}`?"),
            None if missing.is_some_and(|name| HEADER_KEYS.contains(&name)) => {
                "every sweep file gives its `name`, `question`, `job` and `seeds`: see \
                 `xp schema --defaults`"
                    .to_owned()
            }
            None if let Some(name) = missing => {
                format!(
                    "write `{name} = ...` in this table: `xp schema --defaults` says what it is"
                )
            }
            None => {
                "`xp schema --defaults` lists every setting with its type and default".to_owned()
            }
        };
        self.add(Problem {
            message,
            places: vec![(span, "here".into())],
            help: Some(help),
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    /// Nothing, or all problems with the texts that they point into.
    pub(crate) fn finish(self, sources: &Sources) -> Result<(), ConfigErrors> {
        if self.found.is_empty() {
            return Ok(());
        }
        let more = self.found.len().saturating_sub(SHOWN);
        let shown = self.found.into_iter().take(SHOWN);
        let mut errors: Vec<_> = shown
            .map(|problem| ConfigError::new(problem, sources))
            .collect();
        if more > 0 {
            let problem = Problem {
                message: format!("and {more} more problems, which are not shown"),
                places: Vec::new(),
                help: Some(format!("mend these {SHOWN} first")),
            };
            errors.push(ConfigError::new(problem, sources));
        }
        Err(ConfigErrors { errors })
    }
}

/// Everything wrong with one sweep.
#[derive(Debug)]
pub(crate) struct ConfigErrors {
    pub(crate) errors: Vec<ConfigError>,
}

/// One problem with the text it points into.
#[derive(Debug)]
pub(crate) struct ConfigError {
    message: String,
    source: Option<Excerpt>,
    labels: Vec<LabeledSpan>,
    help: Option<String>,
}

impl ConfigError {
    fn new(problem: Problem, sources: &Sources) -> Self {
        let mut located = problem.places.into_iter().filter_map(|(span, word)| {
            let (name, text, span) = sources.locate(&span)?;
            Some((name, text, span, word))
        });
        let mut error = Self {
            message: shown(&problem.message),
            source: None,
            labels: Vec::new(),
            help: problem.help.as_deref().map(shown),
        };
        if let Some((name, text, span, word)) = located.next() {
            // Every `--set` is a text of its own, and all have one name.
            let same = located.filter(|(_, other, ..)| std::ptr::eq(*other, text));
            let others = same.map(|(.., span, word)| (span, word));
            let (places, words): (Vec<_>, Vec<_>) =
                std::iter::once((span, word)).chain(others).unzip();
            let (excerpt, places) = Excerpt::new(name, text, &places);
            let mut labels = places.into_iter().zip(words);
            // The main place is the one that the heading names.
            let main = labels.next().into_iter();
            error.labels = main
                .map(|(span, word)| LabeledSpan::new_primary_with_span(Some(word), span))
                .chain(labels.map(|(span, word)| LabeledSpan::new_with_span(Some(word), span)))
                .collect();
            error.source = Some(excerpt);
        }
        error
    }
}

/// As much of a text as is shown, without what a terminal would act on.
fn shown(text: &str) -> String {
    let mut text = visible(text).into_owned();
    if text.len() > WORDS {
        text.truncate(text.floor_char_boundary(WORDS));
        text.push_str(" …");
    }
    text
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

impl Diagnostic for ConfigError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: Vec<_> = self
            .errors
            .iter()
            .map(|error| error.message.as_str())
            .collect();
        f.write_str(&messages.join("; "))
    }
}

impl std::error::Error for ConfigErrors {}
