//! A choice of cells, column by column.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::field::Field;
use super::scalar::Scalar;

/// Which cells a query means: what each named column or setting must be. The empty choice means all.
///
/// In TOML a table: `{ strategy = "top1", capacity_factor = [1.0, 1.25], layers = { not = 2 },
/// tokens = { at-least = 1024 }, "settings.moe.chain" = "absent" }`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(try_from = "BTreeMap<String, toml::Value>")]
pub struct Cells(pub Vec<(Field, Condition)>);

/// What a column must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// One of these.
    OneOf(Vec<Scalar>),
    /// None of these.
    NoneOf(Vec<Scalar>),
    /// A number between these, ends included.
    Between(Option<f64>, Option<f64>),
}

impl Condition {
    /// Whether a value meets it.
    pub(crate) fn holds(&self, value: &Scalar) -> bool {
        match self {
            Self::OneOf(values) => values.contains(value),
            Self::NoneOf(values) => !values.contains(value),
            Self::Between(low, high) => value.number().is_some_and(|number| {
                low.is_none_or(|low| number >= low) && high.is_none_or(|high| number <= high)
            }),
        }
    }

    fn of_toml(value: &toml::Value) -> Result<Self, String> {
        let one = |value: &toml::Value| {
            Scalar::of_toml(value)
                .ok_or_else(|| format!("`{value}` is no text, number or truth value"))
        };
        let many = |value: &toml::Value| match value {
            toml::Value::Array(items) if !items.is_empty() => items.iter().map(one).collect(),
            toml::Value::Array(_) => Err("an empty list fits nothing".to_owned()),
            value => Ok(vec![one(value)?]),
        };
        let toml::Value::Table(table) = value else {
            return many(value).map(Self::OneOf);
        };
        let number = |name: &str| {
            let found = table.get(name).map(|value| {
                let number = Scalar::of_toml(value).and_then(|found| found.number());
                number.ok_or_else(|| format!("`{name}` is no number"))
            });
            found.transpose()
        };
        let known = ["not", "at-least", "at-most"];
        if table.is_empty() || table.keys().any(|key| !known.contains(&key.as_str())) {
            return Err("a condition is a value, a list of values, `{ not = ... }`, or `{ at-least = ..., at-most = ... }`".to_owned());
        }
        match table.get("not") {
            Some(value) if table.len() == 1 => many(value).map(Self::NoneOf),
            Some(_) => Err("`not` stands alone".to_owned()),
            None => Ok(Self::Between(number("at-least")?, number("at-most")?)),
        }
    }
}

impl TryFrom<BTreeMap<String, toml::Value>> for Cells {
    type Error = String;

    fn try_from(table: BTreeMap<String, toml::Value>) -> Result<Self, String> {
        let conditions = table.into_iter().map(|(name, value)| {
            let condition =
                Condition::of_toml(&value).map_err(|error| format!("`{name}`: {error}"))?;
            Ok((Field::try_from(name)?, condition))
        });
        conditions.collect::<Result<_, String>>().map(Self)
    }
}

impl Cells {
    /// What must be found of a column, where the choice lists it.
    pub(crate) fn listed(&self, field: &Field) -> Option<&[Scalar]> {
        self.0.iter().find_map(|(own, condition)| match condition {
            Condition::OneOf(values) if own == field => Some(values.as_slice()),
            _ => None,
        })
    }

    /// The columns and settings that it names.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.0.iter().map(|(field, _)| field)
    }
}

/// One choice of cells, or a list of several.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub struct Choices(pub Vec<Cells>);

impl TryFrom<toml::Value> for Choices {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        let items = match value {
            toml::Value::Array(items) if items.is_empty() => {
                return Err("an empty list chooses nothing".to_owned());
            }
            toml::Value::Array(items) => items,
            value => vec![value],
        };
        let choices = items.into_iter().map(|item| match item {
            toml::Value::Table(table) => {
                Cells::try_from(table.into_iter().collect::<BTreeMap<_, _>>())
            }
            other => Err(format!(
                "`{other}` is no choice of cells, such as `{{ strategy = \"hash\" }}`"
            )),
        });
        choices.collect::<Result<_, String>>().map(Self)
    }
}

/// In few words, for the parts of a claim: `top1`, `capacity_factor 1.25`, `all`.
impl fmt::Display for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |values: &[Scalar]| {
            values
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" or ")
        };
        let words = self.0.iter().map(|(field, condition)| match condition {
            Condition::OneOf(values)
                if values.iter().all(|value| matches!(value, Scalar::Text(_))) =>
            {
                list(values)
            }
            Condition::OneOf(values) => format!("{field} {}", list(values)),
            Condition::NoneOf(values) => format!("{field} not {}", list(values)),
            Condition::Between(low, high) => {
                let ends = [
                    low.map(|low| format!("from {low}")),
                    high.map(|high| format!("to {high}")),
                ];
                let ends: Vec<_> = ends.into_iter().flatten().collect();
                format!("{field} {}", ends.join(" "))
            }
        });
        let words: Vec<_> = words.collect();
        f.pad(&if words.is_empty() {
            "all".to_owned()
        } else {
            words.join(", ")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Result<Cells, String> {
        #[derive(Deserialize)]
        struct Holder {
            cells: Cells,
        }
        let held: Result<Holder, _> = toml::from_str(&format!("cells = {text}"));
        held.map(|held| held.cells)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn conditions_are_values_lists_exclusions_and_ranges() {
        let own = cells("{ strategy = 'top1', capacity_factor = [1, 1.25], seed = { not = 3 }, experts = { at-least = 8 } }").unwrap();
        let fits = |at: usize, value| own.0[at].1.holds(&value);
        // Sorted by name: capacity_factor, experts, seed, strategy.
        assert!(fits(0, Scalar::Number(1.25)) && !fits(0, Scalar::Number(1.5)));
        assert!(fits(1, Scalar::Number(8.0)) && !fits(1, Scalar::Number(7.0)));
        assert!(!fits(1, Scalar::Absent) && !fits(2, Scalar::Number(3.0)));
        assert!(fits(3, Scalar::Text("top1".to_owned())));
        assert_eq!(
            own.to_string(),
            "capacity_factor 1 or 1.25, experts from 8, seed not 3, top1"
        );
        let absent = cells("{ 'settings.moe.chain' = 'absent' }").unwrap();
        assert!(absent.0[0].1.holds(&Scalar::Absent));
    }

    #[test]
    fn one_choice_or_several_are_written_alike() {
        let choices = |text: &str| {
            let table: toml::Table = toml::from_str(&format!("c = {text}")).unwrap();
            Choices::try_from(table["c"].clone()).map(|choices| choices.0.len())
        };
        assert_eq!(choices("{ strategy = 'hash' }"), Ok(1));
        assert_eq!(
            choices("[{ strategy = 'hash' }, { strategy = 'top1' }]"),
            Ok(2)
        );
        assert!(choices("[]").unwrap_err().contains("chooses nothing"));
        assert!(
            choices("['hash']")
                .unwrap_err()
                .contains("no choice of cells")
        );
    }

    #[test]
    fn a_condition_that_is_none_is_refused_with_the_columns_name() {
        for wrong in [
            "{ strategy = [] }",
            "{ strategy = { is = 'top1' } }",
            "{ strategy = { not = 1, at-least = 2 } }",
        ] {
            let error = cells(wrong).unwrap_err();
            assert!(error.contains("`strategy`"), "{error}");
        }
        assert!(
            cells("{ strategi = 'top1' }")
                .unwrap_err()
                .contains("did you mean `strategy`")
        );
    }
}
