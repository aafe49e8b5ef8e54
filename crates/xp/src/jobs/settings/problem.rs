//! A rule between settings that is broken.

/// A rule between settings that is broken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SettingProblem {
    /// What is wrong, with the values.
    pub(crate) message: String,
    /// Dotted paths of the settings that take part; the first is the one to change.
    pub(crate) paths: Vec<&'static str>,
    /// What to do.
    pub(crate) help: String,
}

impl SettingProblem {
    /// A text of the form `what is wrong; what to do`, at its places; `otherwise` is to be done where the text does
    /// not say it.
    pub(crate) fn of(text: &str, otherwise: &str, paths: &[&'static str]) -> Self {
        let (message, help) = text.split_once("; ").unwrap_or((text, otherwise));
        Self {
            message: message.to_owned(),
            paths: paths.to_vec(),
            help: help.to_owned(),
        }
    }
}
