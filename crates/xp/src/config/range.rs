//! `{ from = 1e-4, to = 1e-2, steps = 5, scale = "log" }`: the values of an axis by their ends.

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeValue, ValueDeserializer},
};

use super::{
    problem::Problems,
    source::{Node, Span, Tree},
};
use crate::schema::Number;

/// Steps of one axis; more are a slip.
const MOST_STEPS: usize = 10_000;

/// Digits that a value is rounded to, so that tables can be read and every machine asks the same question,
/// whatever its logarithm gives in the last digit. More where values would else fall together.
const DIGITS: usize = 4;

/// Digits after which a number is the one that it was.
const ALL_DIGITS: usize = 17;

const HELP: &str = "write, for example, `{ from = 1e-4, to = 1e-2, steps = 5, scale = \"log\" }`";

/// Numbers from one end to another.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    from: f64,
    to: f64,
    scale: Scale,
    number: Number,
    /// Values, the ends among them; without them the range is drawn from.
    steps: Option<usize>,
    /// Where it stands.
    pub(super) place: Span,
}

/// In what the steps are equal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scale {
    /// The number.
    #[default]
    Linear,
    /// Its logarithm.
    Log,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    from: Option<Spanned<f64>>,
    to: Option<Spanned<f64>>,
    steps: Option<Spanned<usize>>,
    #[serde(default)]
    scale: Scale,
}

/// Whether a table in `[axes]` is a range, and no table of further axes.
pub(super) fn is_range(table: &Tree) -> bool {
    table.contains_key("from") || table.contains_key("to")
}

impl Range {
    /// Reads the range of the axis `name`, whose setting is such a number.
    pub(super) fn read(
        name: &str,
        node: &Node,
        number: Number,
        problems: &mut Problems,
    ) -> Option<Self> {
        let DeValue::Table(table) = node.get_ref() else {
            return None;
        };
        let written = match Written::deserialize(ValueDeserializer::from(node.clone())) {
            Ok(written) => written,
            Err(error) => {
                problems.read(&error, Some(table));
                return None;
            }
        };
        let found = problems.len();
        let (Some(from), Some(to)) = (written.from, written.to) else {
            let lacks = if table.contains_key("from") {
                "to"
            } else {
                "from"
            };
            let message = format!("the range of `{name}` has no `{lacks}`");
            problems.at(node.span(), message, HELP);
            return None;
        };
        for end in [&from, &to] {
            check_end(name, end, number, problems);
        }
        let (first, last) = (*from.get_ref(), *to.get_ref());
        if first > last {
            let message = format!("the range of `{name}` begins at {first}, above its end {last}");
            problems.at(from.span(), message, "exchange `from` and `to`");
        } else if first == last {
            let message = format!("the range of `{name}` ends where it begins, at {first}");
            problems.at(node.span(), message, format!("write `{name} = [{first}]`"));
        }
        if written.scale == Scale::Log && first <= 0.0 {
            let message = format!("a logarithmic range cannot begin at {first}");
            let help = "begin above 0, or take `scale = \"log\"` out";
            problems.at(from.span(), message, help);
        }
        if let Some(steps) = &written.steps {
            check_steps(name, steps, problems);
        }
        (problems.len() == found).then(|| Self {
            from: first,
            to: last,
            scale: written.scale,
            number,
            steps: written.steps.map(Spanned::into_inner),
            place: node.span(),
        })
    }

    /// Whether it has no steps: then it is drawn from.
    pub(super) const fn is_drawn(&self) -> bool {
        self.steps.is_none()
    }

    /// Its steps, of whole numbers each once.
    pub(super) fn values(&self) -> Vec<Node> {
        let last = self.steps.unwrap_or_default().saturating_sub(1);
        let exact = (0..=last).map(|step| match step {
            0 => self.from,
            step if step == last => self.to,
            step => self.at(step as f64 / last as f64),
        });
        let exact: Vec<f64> = exact.collect();
        let mut digits = DIGITS;
        let mut rounded = self.rounded(&exact, digits);
        while self.number == Number::Real && rounded.len() < exact.len() && digits < ALL_DIGITS {
            digits += 1;
            rounded = self.rounded(&exact, digits);
        }
        rounded.iter().map(|&value| self.node(value)).collect()
    }

    /// All whole numbers of the range; `None` where those are more than `most`, or it is one of real numbers.
    pub(super) fn every(&self, most: usize) -> Option<Vec<Node>> {
        let count = self.to - self.from + 1.0;
        let is_listed = self.number == Number::Whole && count <= most as f64;
        is_listed.then(|| {
            let values = (0..count as usize).map(|step| self.from + step as f64);
            values.map(|value| self.node(value)).collect()
        })
    }

    /// The value at a share of the way, from 0 up to and without 1.
    pub(super) fn drawn(&self, share: f64) -> Node {
        let value = match (self.number, self.scale) {
            // Each whole number has the same chance.
            (Number::Whole, Scale::Linear) => {
                (self.from + share * (self.to - self.from + 1.0)).floor()
            }
            (Number::Whole, Scale::Log) => self.at(share).round(),
            (Number::Real, _) => to_digits(self.at(share), DIGITS),
        };
        self.node(value.clamp(self.from, self.to))
    }

    fn at(&self, share: f64) -> f64 {
        let between = |from: f64, to: f64| from + share * (to - from);
        match self.scale {
            Scale::Linear => between(self.from, self.to),
            Scale::Log => between(self.from.ln(), self.to.ln()).exp(),
        }
    }

    /// The values with so many digits, the ends as they are, each once.
    fn rounded(&self, exact: &[f64], digits: usize) -> Vec<f64> {
        let round = |(step, &value): (usize, &f64)| match self.number {
            Number::Whole => value.round(),
            Number::Real if step == 0 || step + 1 == exact.len() => value,
            Number::Real => to_digits(value, digits),
        };
        let mut values: Vec<f64> = exact.iter().enumerate().map(round).collect();
        // They ascend.
        values.dedup();
        values
    }

    fn node(&self, value: f64) -> Node {
        let text = match self.number {
            Number::Whole => format!("{value}"),
            Number::Real => format!("{value:?}"),
        };
        // The parser's values borrow from their text, see `Sources`.
        let text: &'static str = Box::leak(text.into());
        let value = DeValue::parse(text).expect("a number is TOML").into_inner();
        Spanned::new(self.place.clone(), value)
    }
}

fn to_digits(value: f64, digits: usize) -> f64 {
    let text = format!("{value:.*e}", digits - 1);
    text.parse().expect("a number was written")
}

fn check_end(name: &str, end: &Spanned<f64>, number: Number, problems: &mut Problems) {
    let value = *end.get_ref();
    if !value.is_finite() {
        let message = format!("the range of `{name}` has no end: {value}");
        problems.at(end.span(), message, HELP);
    } else if number == Number::Whole && value.fract() != 0.0 {
        let message = format!("`{name}` takes whole numbers, and its range has the end {value}");
        problems.at(
            end.span(),
            message,
            "give whole ends; what lies between is rounded",
        );
    }
}

fn check_steps(name: &str, steps: &Spanned<usize>, problems: &mut Problems) {
    let (count, place) = (*steps.get_ref(), steps.span());
    if count < 2 {
        let message = format!("the range of `{name}` has {count} steps, fewer than its two ends");
        problems.at(place, message, "give at least 2 steps, or a list of values");
    } else if count > MOST_STEPS {
        let message = format!("the range of `{name}` has {count} steps, more than {MOST_STEPS}");
        problems.at(
            place,
            message,
            "give fewer steps, or draw from it with `sample`",
        );
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::config::tests::{HEADER, error, trials};

    fn values(axis: &str) -> Vec<String> {
        let trials = trials(&format!("{HEADER}[axes]\n{axis}"));
        let value = |trial: &crate::config::Trial| trial.axes[0].value.clone();
        trials.iter().map(value).collect()
    }

    #[rstest]
    #[case("capacity-factor = { from = 1, to = 2, steps = 5 }", &["1.0", "1.25", "1.5", "1.75", "2.0"])]
    // Half a decade is a factor of 3.1623.
    #[case(
        "learning-rate = { from = 1e-4, to = 1e-2, steps = 5, scale = 'log' }",
        &["0.0001", "0.0003162", "0.001", "0.003162", "0.01"]
    )]
    #[case("experts = { from = 2, to = 64, steps = 6, scale = 'log' }", &["2", "4", "8", "16", "32", "64"])]
    // 1, 1.43, 1.86, 2.29, 2.71, 3.14, 3.57 and 4.
    #[case("k = { from = 1, to = 4, steps = 8 }", &["1", "2", "3", "4"])]
    // Four digits would be the same four times.
    #[case("capacity-factor = { from = 1, to = 1.0003, steps = 4 }", &["1.0", "1.0001", "1.0002", "1.0003"])]
    #[case("train.learning-rate = { from = 1e-3, to = 2e-3, steps = 2 }", &["0.001", "0.002"])]
    fn a_range_is_the_list_of_its_steps(#[case] axis: &str, #[case] expected: &[&str]) {
        assert_eq!(values(axis), expected);
    }

    #[test]
    fn a_range_asks_what_the_list_of_its_values_asks() {
        let ids = |axis| {
            let trials = trials(&format!("{HEADER}[axes]\ncapacity-factor = {axis}"));
            trials.iter().map(|trial| trial.id).collect::<Vec<_>>()
        };
        assert_eq!(
            ids("{ from = 1, to = 1.5, steps = 3 }"),
            ids("[1.0, 1.25, 1.5]")
        );
    }

    #[rstest]
    #[case(
        "k = { from = 1, to = 4, steps = 0 }",
        "0 steps, fewer than its two ends"
    )]
    #[case(
        "k = { from = 1, to = 4, steps = 20000 }",
        "20000 steps, more than 10000"
    )]
    #[case("k = { from = 1, to = 4 }", "has no `steps`")]
    #[case("k = { from = 1, steps = 4 }", "has no `to`")]
    #[case("k = { from = 4, to = 1, steps = 2 }", "begins at 4, above its end 1")]
    #[case("k = { from = 1, to = 1, steps = 2 }", "ends where it begins")]
    #[case("k = { from = 1, to = 2.5, steps = 2 }", "takes whole numbers")]
    #[case("k = { from = 1, to = 4, step = 2 }", "did you mean `steps`?")]
    #[case(
        "k = { from = 1, to = 4, steps = 2, scale = 'lg' }",
        "expected `linear` or `log`"
    )]
    #[case("k = { from = 'a', to = 4, steps = 2 }", "expected a number")]
    #[case(
        "learning-rate = { from = 0, to = 1, steps = 2, scale = 'log' }",
        "cannot begin at 0"
    )]
    #[case("learning-rate = { from = 1e-3, to = inf, steps = 2 }", "has no end")]
    #[case("strategy = { from = 1, to = 4, steps = 2 }", "is no number")]
    #[case(
        "capacity-factor = { from = -2, to = -1, steps = 3 }",
        "greater than 0, got -2"
    )]
    #[case("exparts = { from = 1, to = 4, steps = 2 }", "did you mean `experts`?")]
    fn a_range_that_is_none_is_told(#[case] axis: &str, #[case] says: &str) {
        let told = error(&format!("{HEADER}[axes]\n{axis}"));
        assert!(told.contains(says), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}
