//! What is wrong with a sweep, where, and what to do: collected, then shown together.

use std::fmt;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

use super::{
    source::{Sources, Span, Tree},
    suggest, tree,
};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq)]
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
}

impl Problems {
    /// Adds a problem, unless the same was found before.
    pub(crate) fn add(&mut self, problem: Problem) {
        if !self.found.contains(&problem) {
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
        let text = error.message().trim_end();
        let message = match &path {
            Some(path) => format!("`{path}`: {text}"),
            None => text.to_owned(),
        };
        let help = match suggest::from_message(text) {
            Some((_, nearest)) => format!("did you mean `{nearest}`?"),
            None if text.contains("missing field") => "every sweep file gives its `name`, \
                `question`, `job` and `seeds`: see `xp schema --defaults`"
                .to_owned(),
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

    /// Nothing, or all problems with the texts that they point into.
    pub(crate) fn finish(self, sources: &Sources) -> Result<(), ConfigErrors> {
        if self.found.is_empty() {
            return Ok(());
        }
        let errors = self
            .found
            .into_iter()
            .map(|problem| ConfigError::new(problem, sources));
        Err(ConfigErrors {
            errors: errors.collect(),
        })
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
    source: Option<NamedSource<&'static str>>,
    labels: Vec<LabeledSpan>,
    help: Option<String>,
}

impl ConfigError {
    fn new(problem: Problem, sources: &Sources) -> Self {
        let mut located = problem.places.iter().filter_map(|(span, word)| {
            let (name, text, span) = sources.locate(span)?;
            Some((name.to_owned(), text, span, word.clone()))
        });
        let mut error = Self {
            message: problem.message,
            source: None,
            labels: Vec::new(),
            help: problem.help,
        };
        if let Some((name, text, span, word)) = located.next() {
            // The main place is the one that the heading names.
            error
                .labels
                .push(LabeledSpan::new_primary_with_span(Some(word), span));
            let same = located.filter(|(other, ..)| *other == name);
            error
                .labels
                .extend(same.map(|(.., span, word)| LabeledSpan::new_with_span(Some(word), span)));
            error.source = Some(NamedSource::new(name, text));
        }
        error
    }
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
