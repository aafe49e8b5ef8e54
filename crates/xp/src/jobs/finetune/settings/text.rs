//! The `[data]` table: what is read.

use corpora::{CorpusConfig, TinyShakespeareConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `[data]` table. The base brings its tokenizer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct DataConfig {
    /// The text.
    pub(crate) text: TextConfig,
}

/// Windows of a corpus: drawn from its training part, in order from its validation part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct WindowsConfig {
    /// The corpus.
    pub(crate) corpus: CorpusConfig,
}

impl Default for WindowsConfig {
    fn default() -> Self {
        Self {
            corpus: TinyShakespeareConfig::default().into(),
        }
    }
}

registry::family! {
    /// How a text is read.
    pub(crate) enum TextConfig: "text" {
        /// Windows of a corpus.
        Windows(WindowsConfig) = "windows",
    }
}

impl Default for TextConfig {
    fn default() -> Self {
        WindowsConfig::default().into()
    }
}

impl TextConfig {
    /// The corpus that it is of.
    pub(crate) const fn corpus(&self) -> &CorpusConfig {
        match self {
            Self::Windows(windows) => &windows.corpus,
        }
    }
}
