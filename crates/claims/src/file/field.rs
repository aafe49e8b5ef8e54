//! What a query may name: a column, or a setting.

use std::fmt;

use registry::nearest;
use runstore::tables::{Row, TrialRow};
use serde::{Deserialize, Deserializer, de};

const SETTINGS: &str = "settings.";

/// Columns that single rows of other tables than that of trials add to an observation.
const OF_ROWS: [&str; 3] = ["step", "layer", "token_class"];

/// A name by which observations are chosen, told apart and put in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// A column of `trials.parquet`.
    Column(&'static str),
    /// A column of the rows from which a measure is derived: `step`, `layer` or `token_class`.
    OfRows(&'static str),
    /// A path into the resolved settings, without the `settings.` that is written before it.
    Setting(String),
}

impl Field {
    /// Whether it is a column of single rows.
    pub(crate) fn is_of_rows(&self) -> bool {
        matches!(self, Self::OfRows(_))
    }
}

// By hand: what is derived would want the text to live as long as the names of columns.
impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl TryFrom<String> for Field {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if let Some(path) = name.strip_prefix(SETTINGS) {
            return Ok(Self::Setting(path.to_owned()));
        }
        if let Some(own) = OF_ROWS.into_iter().find(|own| *own == name) {
            return Ok(Self::OfRows(own));
        }
        let column = TrialRow::SCHEMA.column(&name);
        column.map(|column| Self::Column(column.name)).ok_or_else(|| {
            let known = TrialRow::SCHEMA.columns.iter().map(|column| column.name);
            unknown("column", &name, known.chain(OF_ROWS), "results/README.md lists the columns, and `settings.` before a path names a setting")
        })
    }
}

/// By its name; of a setting the last of its path.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(name) | Self::OfRows(name) => f.pad(name),
            Self::Setting(path) => f.pad(path.rsplit('.').next().unwrap_or(path)),
        }
    }
}

/// "unknown X `y`", with the nearest right name or where the right ones are listed.
pub(super) fn unknown<'a>(
    what: &str,
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
    listed: &str,
) -> String {
    match nearest(written, known) {
        Some(near) => format!("unknown {what} `{written}`; did you mean `{near}`?"),
        None => format!("unknown {what} `{written}`; {listed}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_the_schema_and_slips_are_named() {
        let field = |name: &str| Field::try_from(name.to_owned());
        assert_eq!(
            field("capacity_factor"),
            Ok(Field::Column("capacity_factor"))
        );
        assert_eq!(field("step"), Ok(Field::OfRows("step")));
        assert_eq!(
            field("settings.moe.chain"),
            Ok(Field::Setting("moe.chain".to_owned()))
        );
        let slip = field("capasity_factor").unwrap_err();
        assert!(slip.contains("did you mean `capacity_factor`?"), "{slip}");
        let stranger = field("zebra").unwrap_err();
        assert!(stranger.contains("results/README.md"), "{stranger}");
    }
}
