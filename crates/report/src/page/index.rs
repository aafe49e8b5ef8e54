//! `index.html`: all sweeps of a folder of results, each with its question and what it found.

use minijinja::{Value, context};
use runstore::{Collected, Manifest};

use super::{Answer, filled, head};
use crate::cells::summary;
use crate::draw::PAGE;
use crate::names::Naming;

/// A results folder on the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place below the index: `unified/cpu-cpu`.
    place: String,
    told: Result<Told, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    sweep: String,
    question: String,
    scale: String,
    device: String,
    counts: String,
    cautions: Vec<String>,
    found: Vec<String>,
}

impl Entry {
    /// What the index says of a results folder.
    pub fn of(place: &str, collected: &Collected, manifest: &Manifest, naming: Naming) -> Self {
        let cells = summary(collected, naming);
        Self {
            place: place.to_owned(),
            told: Ok(Told {
                sweep: manifest.sweep.clone(),
                question: manifest.question.clone().unwrap_or_default(),
                scale: manifest.scale.clone(),
                device: manifest.device.clone(),
                counts: head::counts(collected, &cells),
                cautions: head::cautions(collected, manifest, &cells, None),
                found: Answer::of(collected, manifest, &cells).sentences(),
            }),
        }
    }

    /// A folder that cannot be read, and why.
    pub fn unreadable(place: &str, why: &str) -> Self {
        Self {
            place: place.to_owned(),
            told: Err(why.to_owned()),
        }
    }

    fn on_page(&self) -> Value {
        let place = &self.place;
        match &self.told {
            Err(why) => context! { place, why },
            Ok(told) => context! {
                place,
                why => "",
                page => format!("{place}/{PAGE}"),
                sweep => &told.sweep,
                question => &told.question,
                scale => &told.scale,
                device => &told.device,
                counts => &told.counts,
                cautions => &told.cautions,
                found => &told.found,
            },
        }
    }
}

/// Whether a page is an index of results, which may be written anew.
pub fn is_index(page: &str) -> bool {
    page.contains("content=\"xp, index of results\"")
}

/// Fills in the index, in the order of the entries; `claims` says where the page of claims is, if there is one.
///
/// # Errors
///
/// When the page's template asks for something that it is not given.
pub fn index(entries: &[Entry], claims: Option<&str>) -> Result<String, minijinja::Error> {
    let entries: Vec<Value> = entries.iter().map(Entry::on_page).collect();
    filled("index.html", context! { entries, claims })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn every_folder_is_there_with_its_answer_or_with_why_not() {
        let (collected, manifest) = (sample::unified(), sample::manifest("unified"));
        let entries = [
            Entry::of("unified/cpu-cpu", &collected, &manifest, sample::names),
            Entry::unreadable("broken/cpu-cpu", "trials.parquet is <damaged>"),
        ];
        let page = index(&entries, None).unwrap();
        assert!(!page.contains("claims.html"));
        let page = index(&entries, Some("claims.html")).unwrap();
        assert!(page.contains("<a href=\"claims.html\">"));
        for text in [
            "href=\"unified&#x2f;cpu-cpu&#x2f;report.html\"",
            "Which strategy gives the best quality at a given speed?",
            "Lowest validation perplexity: ",
            "broken&#x2f;cpu-cpu",
            "trials.parquet is &lt;damaged&gt;",
        ] {
            assert!(page.contains(text), "the index lacks {text}");
        }
        assert!(is_index(&page) && !page.contains("http"));
    }
}
