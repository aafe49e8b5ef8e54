//! The file of claims: what it may say, and where a mistake in it stands.

mod cells;
mod claim;
mod field;
mod measure;
mod scalar;
mod test;

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

use registry::nearest;
use serde::Deserialize;
use toml::Spanned;

pub use cells::{Cells, Choices, Condition};
pub use claim::{Claim, EffectKind, Face, Need, Sweeps};
pub use field::Field;
pub use measure::{Derived, Measure};
pub use scalar::Scalar;
pub use test::{
    AboutEqual, Change, Correlation, Direction, Dominated, Ends, Equals, Flat, Less, Level,
    Monotone, Order, Ratio, Test,
};

use crate::error::{Error, Mistake};

/// What the file is called; it stands among the sweep files.
pub const FILE_NAME: &str = "claims.toml";

const HELP: &str = "experiments/README.md says what a claim is made of";

/// The file as TOML has it: a list of tables `[[claim]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    #[serde(default)]
    claim: Vec<Spanned<Claim>>,
}

/// Reads the claims of a file.
///
/// # Errors
///
/// When it cannot be read, or says what is not understood; the error names claim, line and remedy.
pub fn read_claims(path: &Path) -> Result<Vec<Claim>, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(parse_claims(&text, path)?)
}

/// Reads claims from a text; `path` is for messages.
///
/// # Errors
///
/// When it says what is not understood.
pub fn parse_claims(text: &str, path: &Path) -> Result<Vec<Claim>, Mistake> {
    let listed: Listed = toml::from_str(text).map_err(|error| misread(path, text, &error))?;
    let at = |span: Range<usize>, message: String, help: String| {
        Mistake::at(path, text, span, message, help)
    };
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for claim in &listed.claim {
        let own = claim.get_ref();
        if let Some((message, help)) = own.problem() {
            return Err(at(claim.span(), message, help));
        }
        let mistake = at(
            claim.span(),
            format!(
                "its id stands twice, first on line {}",
                lines.get(&own.id).unwrap_or(&0)
            ),
            "give it another, such as the next number after the dot".to_owned(),
        );
        if lines.insert(own.id.clone(), mistake.line).is_some() {
            return Err(mistake);
        }
    }
    Ok(listed.claim.into_iter().map(Spanned::into_inner).collect())
}

/// What the parser found, with the nearest of the names that it would have taken.
fn misread(path: &Path, text: &str, error: &toml::de::Error) -> Mistake {
    let message = error.message().trim_end();
    let (message, help) = match message.split_once("; ") {
        Some((message, help)) => (message.to_owned(), help.to_owned()),
        None => (
            message.to_owned(),
            suggested(message).unwrap_or_else(|| HELP.to_owned()),
        ),
    };
    Mistake::at(path, text, error.span().unwrap_or(0..0), message, help)
}

/// "Did you mean", of a message that lists what is known: "unknown ... `written`, expected one of `a`, `b`".
fn suggested(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let written = quoted.next().filter(|_| message.starts_with("unknown "))?;
    let near = nearest(written, quoted)?;
    Some(format!("did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "[[claim]]\nid = 'a.1'\ntitle = 'soft below hash'\nsays = 'Soft is below hash.'\n\
        source = 'MoE Routing Bench, slide 5'\nsweep = 'unified'\nmeasure = 'perplexity'\n\
        test.less = { of = { strategy = 'soft-top-k' }, than = { strategy = 'hash' } }\n";

    fn parse(text: &str) -> Result<Vec<Claim>, Mistake> {
        parse_claims(text, Path::new("claims.toml"))
    }

    #[test]
    fn a_claim_is_read_with_its_defaults() {
        let [claim] = parse(WHOLE).unwrap().try_into().unwrap();
        assert_eq!(
            (claim.face, claim.effect),
            (Face::AsDescribed, EffectKind::Difference)
        );
        assert_eq!(claim.sweep.0, ["unified"]);
        assert_eq!(claim.test.name(), "less");
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn a_mistake_names_its_line_its_claim_and_the_remedy() {
        let cases = [
            (
                "'perplexity'",
                "'perplexty'",
                7,
                "unknown measure `perplexty`",
                "did you mean `perplexity`?",
            ),
            (
                "test.less",
                "test.lesss",
                8,
                "unknown variant `lesss`",
                "did you mean `less`?",
            ),
            (
                "{ strategy = 'hash'",
                "{ stratgy = 'hash'",
                8,
                "unknown column `stratgy`",
                "did you mean `strategy`?",
            ),
            (
                "sweep = ",
                "swep = ",
                6,
                "unknown field `swep`",
                "did you mean `sweep`?",
            ),
            (
                "{ of = ",
                "{ off = ",
                8,
                "unknown field `off`",
                "did you mean `of`?",
            ),
            (
                "'soft below hash'",
                "'soft below hash and much else that is long'",
                1,
                "its title has 42 characters",
                "at most 30",
            ),
            (
                "strategy = 'hash'",
                "step = 3",
                1,
                "`step` is no column of what `perplexity`",
                "columns of trials alone",
            ),
        ];
        for (from, to, line, message, help) in cases {
            let error = parse(&WHOLE.replacen(from, to, 1)).unwrap_err();
            assert!(error.message.contains(message), "{error}");
            assert!(error.help.contains(help), "{error}: {}", error.help);
            assert_eq!(
                (error.line, error.claim.as_deref()),
                (line, Some("a.1")),
                "{error}"
            );
        }
    }

    #[test]
    fn two_claims_of_one_id_are_refused() {
        let error = parse(&format!("{WHOLE}{WHOLE}")).unwrap_err();
        assert_eq!(
            (error.line, error.message.as_str()),
            (9, "its id stands twice, first on line 1")
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = parse(&WHOLE.replace("sweep = 'unified'\n", "")).unwrap_err();
        assert!(error.message.contains("missing field `sweep`"), "{error}");
        let error = parse("[[claim]]\nid = 'a'\nid = 'b'\n").unwrap_err();
        assert_eq!(error.line, 3, "{error}");
    }
}
