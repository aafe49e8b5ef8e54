//! `claims.html`: what results say of published claims, the verdicts first.

use minijinja::{Value, context};

use super::filled;

/// A claim as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimEntry {
    /// Its id.
    pub id: String,
    /// What is claimed, in few words.
    pub title: String,
    /// `holds`, `fails` or `undecided`.
    pub verdict: &'static str,
    /// The effect with its interval, or why there is none.
    pub effect: String,
    /// Seeds, rounds or cells.
    pub n: String,
    /// Where it stands.
    pub source: String,
    /// All that there is to say of it, by name.
    pub details: Vec<(&'static str, String)>,
}

impl ClaimEntry {
    pub(super) fn on_page(&self) -> Value {
        let Self {
            id,
            title,
            verdict,
            effect,
            n,
            source,
            details,
        } = self;
        let pair = |(name, text): &(&'static str, String)| vec![(*name).to_owned(), text.clone()];
        let details: Vec<Vec<String>> = details.iter().map(pair).collect();
        let verdict = *verdict;
        context! { id, title, verdict, effect, n, source, details }
    }
}

/// Fills in the page of a ledger of claims: what it comes to in a sentence, and the claims.
///
/// # Errors
///
/// When the page's template asks for something that it is not given.
pub fn claims(summary: &str, claims: &[ClaimEntry]) -> Result<String, minijinja::Error> {
    let rows: Vec<Value> = claims.iter().map(ClaimEntry::on_page).collect();
    filled("claims.html", context! { summary, rows })
}

/// Whether a page is one of claims, which may be written anew.
pub fn is_claims(page: &str) -> bool {
    page.contains("content=\"xp, claims\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_stand_below_their_verdict_with_all_that_is_known() {
        let entry = |id: &str, verdict| ClaimEntry {
            id: id.to_owned(),
            title: "ppl: a < b".to_owned(),
            verdict,
            effect: "+1 (0, 2)".to_owned(),
            n: "3".to_owned(),
            source: "a paper".to_owned(),
            details: vec![
                ("claim", "A is below B.".to_owned()),
                ("run", "xp sweep unified".to_owned()),
            ],
        };
        let page = claims(
            "2 claims: 1 holds.",
            &[entry("a.1", "holds"), entry("b", "fails")],
        );
        let page = page.unwrap();
        assert!(is_claims(&page));
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
        // What fails is news, so it comes first; without undecided ones there is no such heading.
        assert!(at("1 that fails") < at("id=\"b\""));
        assert!(at("id=\"b\"") < at("1 that holds"));
        assert!(at("1 that holds") < at("id=\"a.1\""));
        assert!(!page.contains("undecided</h2>") && page.contains("ppl: a &lt; b"));
        assert!(page.contains("<dt>run</dt><dd>xp sweep unified</dd>"));
    }
}
