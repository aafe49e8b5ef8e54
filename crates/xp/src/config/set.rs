//! `--set key=value`: one setting from the command line, laid over the file.

use toml::de::DeValue;

use super::{
    problem::Problems,
    source::{Node, Sources, Span, Tree, shift},
    tree,
};
use crate::jobs::JobKind;

/// One `--set`, read.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// Dotted path of the setting; an axis' short name has been written out.
    pub(crate) path: String,
    /// Whether it was called by its short name.
    pub(super) is_short: bool,
    /// Where its path stands.
    pub(crate) key: Span,
    value: Node,
}

impl Setting {
    /// Reads `key=value`; the value is TOML, or text that needs no quotes.
    pub(crate) fn parse(
        text: &str,
        job: JobKind,
        sources: &mut Sources,
        problems: &mut Problems,
    ) -> Option<Self> {
        let (start, text) = sources.add("--set", text);
        let whole = start..start + text.len();
        let Some((key, value)) = text.split_once('=') else {
            let help = "write `--set key=value`, for example `--set train.steps=200`";
            problems.at(whole, format!("`--set {text}` has no `=`"), help);
            return None;
        };
        let key_span = start..start + key.len();
        let key = key.trim();
        if let Some(message) = tree::too_deep(key) {
            problems.at(
                key_span,
                message,
                "name a setting, for example `train.steps`",
            );
            return None;
        }
        if key.split('.').any(str::is_empty) {
            let help = "name a setting, for example `train.steps`";
            problems.at(whole, format!("`{key}` is not the path of a setting"), help);
            return None;
        }
        if matches!(key, "scale" | "name" | "job" | "include") || key.starts_with("scale.") {
            let help = match key {
                "name" | "job" | "include" => "edit the file, or copy it",
                _ => "choose a scale with `--scale NAME`",
            };
            problems.at(
                key_span,
                format!("`{key}` cannot be changed by `--set`"),
                help,
            );
            return None;
        }
        let indent = value.len() - value.trim_start().len();
        let at = start + text.len() - value.len() + indent;
        let value = read_value(value.trim(), at, problems)?;
        let long = job.long_path(key);
        Some(Self {
            path: long.unwrap_or(key).to_owned(),
            is_short: long.is_some(),
            key: key_span,
            value,
        })
    }

    /// What it is set to.
    pub(super) const fn value(&self) -> &Node {
        &self.value
    }

    /// The setting as a tree to overlay.
    pub(crate) fn tree(&self) -> Tree {
        self.tree_at(&self.path)
    }

    /// The same at another path.
    pub(crate) fn tree_at(&self, path: &str) -> Tree {
        tree::single(path, &self.key, self.value.clone())
    }
}

fn read_value(text: &'static str, at: usize, problems: &mut Problems) -> Option<Node> {
    match DeValue::parse(text) {
        Ok(node) => Some(shift(&node, at)),
        Err(_) if !text.is_empty() && text.chars().all(plain) => Some(toml::Spanned::new(
            at..at + text.len(),
            DeValue::String(text.into()),
        )),
        Err(error) => {
            let span = error.span().unwrap_or(0..text.len());
            let help = "give a TOML value, for example `0.5`, `true`, `top1` or `[1, 2]`";
            problems.at(
                span.start + at..span.end + at,
                error.message().to_owned(),
                help,
            );
            None
        }
    }
}

fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.:/".contains(c)
}
