//! One claim, as its table in the file has it.

use serde::{Deserialize, Serialize};

use super::cells::Cells;
use super::field::Field;
use super::measure::{Derived, Measure};
use super::test::Test;

/// Characters of a title: it stands in one line with its verdict and effect.
const TITLE: usize = 30;

/// A sentence of a source with the question that is asked of results.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Claim {
    /// A letter of the list of claims, or one and a digit, then what tells its parts apart: `a.1`, `m2`, `k.3-pub`.
    pub id: String,
    /// What is claimed, in few words.
    pub title: String,
    /// What is claimed, in a sentence of ours.
    pub says: String,
    /// Where it stands: the source's name and the place in it.
    pub source: String,
    /// What the source gives for it.
    pub published: Option<String>,
    /// Whether it is asked of what the source says that it does, or of what its code does.
    #[serde(default)]
    pub face: Face,
    /// What a reader must know: what cannot be compared, what was assumed.
    pub note: Option<String>,
    /// What must be there beside a processor. Such a claim is tested at the scale `paper` alone.
    pub needs: Option<Need>,
    /// The sweep whose results are asked, or several: then `sweep` is a column to tell them apart by.
    pub sweep: Sweeps,
    /// Which trials are looked at; those that are done, in any case.
    #[serde(default, rename = "where")]
    pub filter: Cells,
    /// Columns or settings for each of whose values the question is asked anew, as a part of the claim.
    #[serde(default)]
    pub each: Vec<Field>,
    /// Columns or settings that both sides must share, beside the seed: the mean over them is one observation.
    #[serde(default)]
    pub pair: Vec<Field>,
    /// What is measured.
    pub measure: Measure,
    /// How two sides are held against each other.
    #[serde(default)]
    pub effect: EffectKind,
    /// The question.
    pub test: Test,
}

/// Of which form of a system a claim is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Face {
    /// As the source's text describes it.
    #[default]
    AsDescribed,
    /// As the source's published code has it.
    AsPublished,
}

/// What a claim needs beside a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// The pretrained Qwen1.5-MoE-A2.7B.
    FullQwen,
    /// A graphics card.
    Gpu,
}

impl Need {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::FullQwen => "needs the full Qwen1.5-MoE",
            Self::Gpu => "needs a GPU",
        }
    }
}

/// How two sides are held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKind {
    /// One less the other, in the measure's unit.
    #[default]
    Difference,
    /// One over the other.
    Ratio,
}

/// The names of one sweep or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub struct Sweeps(pub Vec<String>);

impl TryFrom<toml::Value> for Sweeps {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        let items = match value {
            toml::Value::Array(items) => items,
            value => vec![value],
        };
        let names = items.into_iter().map(|item| match item {
            toml::Value::String(name) if runstore::is_name(&name) => Ok(name),
            other => Err(format!("{other} is no name of a sweep")),
        });
        let names = names.collect::<Result<Vec<_>, _>>()?;
        if names.is_empty() {
            Err("name a sweep".to_owned())
        } else {
            Ok(Self(names))
        }
    }
}

impl Claim {
    /// The columns and settings by which observations are told apart, beside choices of cells.
    pub(crate) fn axes(&self) -> impl Iterator<Item = &Field> {
        self.each.iter().chain(&self.pair).chain(self.test.along())
    }

    /// All columns and settings that it names.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        let sides = self.test.sides().into_iter().flat_map(Cells::fields);
        self.axes().chain(self.filter.fields()).chain(sides)
    }

    /// What is wrong with it beyond the types of its values, and what to do.
    pub(crate) fn problem(&self) -> Option<(String, String)> {
        if !is_id(&self.id) {
            return Some((
                format!("`{}` is no id of a claim", self.id),
                "a letter, or one and a digit, then parts such as `.1` and `-pub`".to_owned(),
            ));
        }
        if self.title.chars().count() > TITLE {
            return Some((
                format!("its title has {} characters", self.title.chars().count()),
                format!("at most {TITLE} fit the ledger; `says` may be long"),
            ));
        }
        if let Some(problem) = self.test.problem() {
            return Some((
                format!("`test.{}`: {problem}", self.test.name()),
                "the documentation of crates/claims has the family of tests".to_owned(),
            ));
        }
        let known = columns_of(self.measure);
        let strange = self
            .fields()
            .find(|field| field.is_of_rows() && !known.contains(&field.to_string().as_str()))?;
        Some((
            format!(
                "`{strange}` is no column of what `{}` is measured on",
                self.measure
            ),
            match known {
                [] => "it has the columns of trials alone".to_owned(),
                known => format!(
                    "beside the columns of trials it has `{}`",
                    known.join("`, `")
                ),
            },
        ))
    }
}

/// The columns that single rows add to a measure's observations.
fn columns_of(measure: Measure) -> &'static [&'static str] {
    match measure {
        Measure::Trial(_) | Measure::Derived(Derived::StepTime) => &[],
        Measure::Step(_) => &["step"],
        Measure::Derived(Derived::ClassShare) => &["layer", "token_class"],
        Measure::Derived(_) => &["layer"],
    }
}

fn is_id(text: &str) -> bool {
    let mut rest = text.chars();
    let first = rest.next().is_some_and(|first| first.is_ascii_lowercase());
    first && rest.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-'))
}
