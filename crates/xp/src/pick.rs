//! Which trials of a sweep are meant: by id, by the values of axes, or as one of several equal parts.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cli::Pick,
    config::{Trial, closest},
    exit::{Exit, Expected},
    session::Session,
};

/// The name under which a trial's seed can be asked for, beside the axes.
const SEED: &str = "seed";

/// The places of the chosen trials, in order.
pub(crate) fn chosen(session: &Session, pick: &Pick) -> Result<Vec<usize>, Expected> {
    let only = Wanted::read(session, &pick.only)?;
    let skip = Wanted::read(session, &pick.skip)?;
    let fits = |index: &usize| {
        let trial = &session.trials[*index];
        (only.is_empty() || only.fits(*index, trial)) && !skip.fits(*index, trial)
    };
    let chosen = (0..session.trials.len()).filter(fits);
    let part = pick.partition.as_ref();
    let mine = |place: usize| part.is_none_or(|part| place % part.of == part.part - 1);
    let chosen: Vec<usize> = chosen
        .enumerate()
        .filter(|(place, _)| mine(*place))
        .map(|(_, index)| index)
        .collect();
    if chosen.is_empty() && !(pick.only.is_empty() && pick.skip.is_empty()) {
        return Err(Expected::new(
            Exit::Nothing,
            "`--only` and `--skip` leave no trial",
            "`xp plan` lists the trials with the values of their axes",
        ));
    }
    Ok(chosen)
}

/// Trials that are asked for by id or by the values of axes.
#[derive(Default)]
struct Wanted {
    ids: BTreeSet<usize>,
    /// A trial fits when each named axis has one of the values named for it.
    values: BTreeMap<String, Vec<String>>,
}

impl Wanted {
    fn read(session: &Session, words: &[String]) -> Result<Self, Expected> {
        let mut wanted = Self::default();
        for word in words {
            match word.split_once('=') {
                None => {
                    wanted.ids.insert(session.pick(word)?);
                }
                Some((axis, value)) => {
                    check(session, axis, value)?;
                    let values = wanted.values.entry(axis.to_owned()).or_default();
                    values.push(value.to_owned());
                }
            }
        }
        Ok(wanted)
    }

    fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.values.is_empty()
    }

    fn fits(&self, index: usize, trial: &Trial) -> bool {
        let named = |(axis, values): (&String, &Vec<String>)| {
            value_of(trial, axis).is_some_and(|own| values.iter().any(|value| same(&own, value)))
        };
        self.ids.contains(&index) || (!self.values.is_empty() && self.values.iter().all(named))
    }
}

/// Refuses an axis that the sweep has not, and a value that no trial has.
fn check(session: &Session, axis: &str, value: &str) -> Result<(), Expected> {
    let own = |trial| value_of(trial, axis);
    let known: BTreeSet<String> = session.trials.iter().filter_map(own).collect();
    if known.is_empty() {
        let names = axes(session);
        let help = match closest(axis, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its axes are `{}`", names.join("`, `")),
        };
        let message = format!("`{axis}={value}`: the sweep has no axis `{axis}`");
        return Err(Expected::new(Exit::Usage, message, help));
    }
    if known.iter().any(|own| same(own, value)) {
        return Ok(());
    }
    let help = if let Some(near) = closest(value, known.iter().map(String::as_str)) {
        format!("did you mean `{axis}={near}`?")
    } else {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        format!("its values are `{}`", known.join("`, `"))
    };
    let message = format!("no trial has `{axis}={value}`");
    Err(Expected::new(Exit::Nothing, message, help))
}

/// What trials can be asked for by: the axes, and the seed.
pub(crate) fn axes(session: &Session) -> Vec<&str> {
    let axes = session.sweep.axes().into_iter();
    axes.map(|axis| axis.name.as_str()).chain([SEED]).collect()
}

/// The value of an axis in a trial, as it is shown.
pub(crate) fn value_of(trial: &Trial, axis: &str) -> Option<String> {
    if axis == SEED {
        return Some(trial.seed.to_string());
    }
    let own = trial.axes.iter().find(|own| own.axis == axis)?;
    Some(own.value.clone())
}

/// Whether two values are one: as text, or as numbers.
fn same(own: &str, asked: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    own == asked || (number(own).is_some() && number(own) == number(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_equal_as_text_or_as_numbers() {
        assert!(same("top1", "top1") && same("1.0", "1") && same("1e-3", "0.001"));
        assert!(!same("top1", "top-1") && !same("1.0", "1.5") && !same("nan", "1"));
    }
}
