//! What can be wrong: the file of claims, or the results that they are asked of.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// Why there is no ledger.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of claims cannot be read.
    #[error("read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file of claims says something that is not understood.
    #[error(transparent)]
    Mistake(#[from] Mistake),
    /// Results cannot be read.
    #[error(transparent)]
    Results(#[from] runstore::Error),
}

/// A mistake in the file of claims.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}:{line}:{column}: {subject}{message}", path = path.display(), subject = subject(claim.as_deref()))]
pub struct Mistake {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// The claim that it is in, where that is known.
    pub claim: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Mistake {
    /// A mistake at a place of the text.
    pub(crate) fn at(
        path: &Path,
        text: &str,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let start = text.floor_char_boundary(span.start.min(text.len()));
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            claim: claim_around(text, start),
            message: message.into(),
            help: help.into(),
        }
    }
}

fn subject(claim: Option<&str>) -> String {
    claim.map_or_else(String::new, |id| format!("claim `{id}`: "))
}

/// The id that is written in the table `[[claim]]` around a place.
fn claim_around(text: &str, at: usize) -> Option<String> {
    const HEAD: &str = "[[claim]]";
    // A mistake may stand at the very head of its table.
    let from = text.floor_char_boundary((at + HEAD.len()).min(text.len()));
    let start = text[..from].rfind(HEAD)?;
    let own = &text[start + HEAD.len()..];
    let own = &own[..own.find(HEAD).unwrap_or(own.len())];
    own.lines().find_map(|line| {
        let rest = line.trim_start().strip_prefix("id")?.trim_start();
        let value = rest.strip_prefix('=')?.trim();
        let id = value.trim_matches(['"', '\'']);
        (!id.is_empty()).then(|| id.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_line_a_column_and_the_claim_around_it() {
        let text = "# é\n[[claim]]\nid = \"a.1\"\ntitle = 3\n[[claim]]\nid = 'b'\nx = 1\n";
        let at = |needle: &str| {
            let start = text.find(needle).unwrap();
            let found = Mistake::at(Path::new("c.toml"), text, start..start, "wrong", "mend it");
            (found.line, found.column, found.claim)
        };
        assert_eq!(at("3\n"), (4, 9, Some("a.1".to_owned())));
        assert_eq!(at("x = 1"), (7, 1, Some("b".to_owned())));
        assert_eq!(at("[[claim]]\nid = 'b'"), (5, 1, Some("b".to_owned())));
        assert_eq!(at("# é").2, None);
        let shown = Mistake::at(Path::new("c.toml"), text, 0..0, "wrong", "mend it");
        assert_eq!(shown.to_string(), "c.toml:1:1: wrong");
    }
}
