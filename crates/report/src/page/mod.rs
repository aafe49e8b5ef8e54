//! The pages: the report of a sweep, the index of all of them, and what they say of claims. Each is one file that asks for no other.

mod answer;
mod claims;
mod effects;
mod head;
mod index;
mod provenance;
mod report;
mod settings;
mod standing;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};
use runstore::{Collected, Manifest};

use super::cells::Cell;
use super::figures::{Absent, Figure};
use super::printable::printable;
pub(crate) use answer::Answer;
pub use claims::{ClaimEntry, claims, is_claims};
pub use index::{Entry, index, is_index};

/// The templates by name. The ending of a page's name switches escaping on.
const TEMPLATES: [(&str, &str); 14] = [
    ("style.css", include_str!("templates/style.css")),
    ("report.html", include_str!("templates/report.html")),
    ("index.html", include_str!("templates/index.html")),
    ("answer.html", include_str!("templates/answer.html")),
    ("claims.html", include_str!("templates/claims.html")),
    ("asked.html", include_str!("templates/asked.html")),
    ("comparison.html", include_str!("templates/comparison.html")),
    ("cells.html", include_str!("templates/cells.html")),
    ("scaling.html", include_str!("templates/scaling.html")),
    ("health.html", include_str!("templates/health.html")),
    ("speeds.html", include_str!("templates/speeds.html")),
    ("published.html", include_str!("templates/published.html")),
    ("figures.html", include_str!("templates/figures.html")),
    ("data.html", include_str!("templates/data.html")),
];

/// Fills in the page of a sweep.
pub(super) fn render(
    collected: &Collected,
    manifest: &Manifest,
    cells: &[Cell],
    drawn: (&[Figure], &[Absent]),
    claims: &[ClaimEntry],
) -> Result<String, minijinja::Error> {
    let page = report::context(collected, manifest, cells, drawn, claims);
    filled("report.html", page)
}

/// A template with its names filled in.
fn filled(template: &str, names: Value) -> Result<String, minijinja::Error> {
    let page = environment()?.get_template(template)?.render(names)?;
    Ok(printable(&page).into_owned())
}

/// Strict: a name that the page does not have is an error, and everything is escaped but the drawings.
fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()?,
    );
    for (name, template) in TEMPLATES {
        environment.add_template(name, template)?;
    }
    Ok(environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_the_page_lacks_is_an_error() {
        let page = || {
            report::context(
                &Collected::default(),
                &Manifest::default(),
                &[],
                (&[], &[]),
                &[],
            )
        };
        let environment = environment().unwrap();
        assert!(environment.render_str("{{ sweep }}", page()).is_ok());
        assert!(environment.render_str("{{ swep }}", page()).is_err());
    }

    #[test]
    fn what_comes_from_data_is_escaped() {
        let manifest = Manifest {
            question: Some("is <b> better\u{1b}[2J?".to_owned()),
            ..Manifest::default()
        };
        let page = render(&Collected::default(), &manifest, &[], (&[], &[]), &[]).unwrap();
        assert!(page.contains("is &lt;b&gt; better␛[2J?"));
    }
}
