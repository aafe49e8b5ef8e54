//! The first screen: what the sweep found, in sentences, the first places of its ranking, and its main figure.

use minijinja::{Value, context};
use runstore::{Collected, Manifest};

use super::effects::{self, Effect};
use crate::cells::Cell;
use crate::compare::{Comparison, Ranked, Verdict, ranking};
use crate::figures::Figure;
use crate::format::{interval, significant};
use crate::headline::Headline;
use crate::jobs;
use crate::measures::Measure;
use crate::speeds::Speeds;

/// Places of the ranking on the first screen.
const FIRST_PLACES: usize = 5;

/// More cells than this are told apart as a list better than as points.
const MOST_POINTS: usize = 16;

/// More names than this make no sentence.
const MOST_NAMES: usize = 4;

/// What a sweep found.
pub(crate) struct Answer<'a> {
    ranked: Vec<Ranked<'a>>,
    headline: Option<&'static Headline>,
    measures: Vec<&'static Measure>,
    effects: Vec<Effect>,
}

impl<'a> Answer<'a> {
    /// From the cells of a sweep, with speeds in turn where those replace the others.
    pub(crate) fn of(collected: &Collected, manifest: &Manifest, cells: &'a [Cell]) -> Self {
        let headline = Headline::of(cells, manifest.measure.as_deref());
        let measures = effects::measures(cells, headline.map(|own| own.column));
        let speeds = Speeds::of(collected, cells);
        let in_turn = speeds.and_then(|speeds| speeds.instead(cells));
        Self {
            ranked: ranking(cells, manifest),
            effects: effects::effects(in_turn.as_deref().unwrap_or(cells), &measures),
            headline,
            measures,
        }
    }

    /// What was found, the most important first.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let ranked = self.headline.map_or_else(Vec::new, |headline| {
            [
                best(headline, &self.ranked),
                told_apart(&self.ranked),
                beside_baseline(&self.ranked),
                beaten_by_ngram(headline, &self.ranked),
            ]
            .into_iter()
            .flatten()
            .collect()
        });
        if !ranked.is_empty() {
            return ranked;
        }
        let measure = self.measures.first();
        measure.map_or_else(Vec::new, |own| effects::sentences(&self.effects, own))
    }

    /// All of it for the page.
    pub(super) fn on_page(&self) -> Value {
        let headline = self.headline;
        let has_baseline = self.ranked.iter().any(|row| row.baseline.is_some());
        let shown = self.first_places();
        context! {
            sentences => self.sentences(),
            ranked => shown.iter().map(|&place| self.row(place)).collect::<Vec<_>>(),
            more => self.ranked.len().saturating_sub(shown.len()),
            measure => headline.map_or("", |own| own.name),
            unit => headline.map_or("", |own| own.unit),
            other => if has_baseline { "baseline" } else { "best" },
            effects => self.effects.iter().map(Effect::on_page).collect::<Vec<_>>(),
            effect_measures => self.measures.iter().map(|own| (own.heading, own.unit)).collect::<Vec<_>>(),
        }
    }

    /// The first places, and that of the baseline.
    fn first_places(&self) -> Vec<usize> {
        let is_baseline = |row: &Ranked<'_>| {
            let own = row.baseline;
            own.is_some_and(|own| own.verdict == Verdict::Itself)
        };
        let all = self.ranked.iter().enumerate();
        all.filter(|(place, row)| *place < FIRST_PLACES || is_baseline(row))
            .map(|(place, _)| place)
            .collect()
    }

    fn row(&self, place: usize) -> Value {
        let row = &self.ranked[place];
        let beside = row.baseline.unwrap_or(row.best);
        let value = self.headline.and_then(|own| own.measure(row.cell));
        let is_other = beside.verdict == Verdict::Itself;
        context! {
            place => place + 1,
            cell => row.cell.label(),
            value => value.map_or_else(|| "–".to_owned(), |own| interval(&own)),
            difference => beside.difference(),
            verdict => if is_other { "itself" } else { beside.verdict.word() },
        }
    }

    /// The figure of the first screen: that which shows what the sweep's job measures.
    pub(super) fn main_figure(&self, figures: &[Figure], cells: &[Cell]) -> Option<usize> {
        let job = cells.first().map_or("", |cell| cell.example.job.as_str());
        let is_cost = self.headline.is_some_and(|own| !own.is_quality());
        let wanted = match job {
            jobs::PACK => "drop_rate_vs_capacity_factor.svg",
            jobs::LAYER => "scaling.svg",
            jobs::ROUTER => "latency_entropy.svg",
            jobs::QUANTISE => "four_bits.svg",
            _ if is_cost => "ranking.svg",
            jobs::FINETUNE => "adapters.svg",
            _ if cells.len() > MOST_POINTS => "ranking.svg",
            _ => "frontier.svg",
        };
        let of = |file: &str| figures.iter().position(|figure| figure.file == file);
        of(wanted)
            .or_else(|| of("ranking.svg"))
            .or_else(|| (!figures.is_empty()).then_some(0))
    }
}

impl Effect {
    fn on_page(&self) -> Value {
        let levels = self.levels.iter().map(|(value, means)| {
            let means = means.iter().map(|mean| significant(*mean, 4));
            (value.clone(), means.collect::<Vec<_>>())
        });
        context! {
            axis => &self.axis,
            cells => self.cells,
            levels => levels.collect::<Vec<_>>(),
        }
    }
}

fn best(headline: &Headline, ranked: &[Ranked<'_>]) -> Option<String> {
    let value = |cell: &Cell| Some(interval(&headline.measure(cell)?));
    let first = ranked.first()?.cell;
    let most = if headline.more_is_better {
        "Highest"
    } else {
        "Lowest"
    };
    let mut text = format!(
        "{most} {}: {}, {} {}.",
        headline.name,
        first.label(),
        value(first)?,
        headline.unit
    );
    let is_ahead = |cell: &Cell| cell.causal == Some(false);
    let fair = ranked
        .iter()
        .map(|row| row.cell)
        .find(|cell| !is_ahead(cell));
    if let Some(fair) = fair.filter(|_| is_ahead(first)) {
        let looks = " It sees later tokens of its text, so that it is no language model; of those that do not, ";
        text.push_str(looks);
        text.push_str(&format!("{}, {}.", fair.label(), value(fair)?));
    }
    Some(text)
}

/// Which cells are not told apart from the best.
fn told_apart(ranked: &[Ranked<'_>]) -> Option<String> {
    let first = ranked.first()?.cell;
    let others = || ranked.iter().skip(1);
    let of = |verdict| others().filter(move |row| row.best.verdict == verdict);
    let few = of(Verdict::TooFewSeeds).count();
    if few == others().count() {
        return Some("Too few common seeds to tell any two apart.".to_owned());
    }
    let ties: Vec<String> = of(Verdict::NotToldApart)
        .map(|row| row.cell.label())
        .collect();
    let worse = of(Verdict::Worse).count();
    let text = match ties.len() {
        0 => format!("All {worse} others are told apart from {}.", first.label()),
        count if count <= MOST_NAMES => {
            format!("Not told apart from it: {}.", ties.join("; "))
        }
        count => format!(
            "{count} of {} others are not told apart from it.",
            others().count()
        ),
    };
    Some(text)
}

/// Which cells are better and which worse than the baseline.
fn beside_baseline(ranked: &[Ranked<'_>]) -> Option<String> {
    let judged = |row: &Ranked<'_>| row.baseline.map(|own: Comparison| own.verdict);
    let baseline = ranked
        .iter()
        .find(|row| judged(row) == Some(Verdict::Itself))?;
    let named = |verdict| {
        let own = ranked.iter().filter(|row| judged(row) == Some(verdict));
        let names: Vec<String> = own.map(|row| row.cell.label()).collect();
        match names.len() {
            0 => "none".to_owned(),
            count if count <= MOST_NAMES => names.join("; "),
            count => format!("{count} cells"),
        }
    };
    Some(format!(
        "Beside the baseline, {}, better: {}. Worse: {}.",
        baseline.cell.label(),
        named(Verdict::Better),
        named(Verdict::Worse)
    ))
}

/// How many cells do not do better than counting.
fn beaten_by_ngram(headline: &Headline, ranked: &[Ranked<'_>]) -> Option<String> {
    let judged = || ranked.iter().filter_map(|row| row.cell.beats_ngram);
    let (all, beaten) = (judged().count(), judged().filter(|beats| !beats).count());
    if all == 0 || !headline.is_perplexity() {
        return None;
    }
    Some(if beaten == 0 {
        "Every cell passes the best n-gram model of as much text.".to_owned()
    } else {
        format!(
            "{beaten} of {all} cells do not pass the best n-gram model of as much text with every seed."
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{sample, summary};

    fn sentences(collected: &Collected, manifest: &Manifest) -> Vec<String> {
        let cells = summary(collected, sample::names);
        Answer::of(collected, manifest, &cells).sentences()
    }

    #[test]
    fn the_first_sentence_names_the_best_and_the_best_that_looks_at_nothing_to_come() {
        let mut collected = sample::unified();
        for row in &mut collected.trials {
            let is_choice = row.strategy.as_deref() == Some("expert-choice");
            row.perplexity = Some(if is_choice { 2.0 } else { 4.0 } + row.seed as f64 / 100.0);
        }
        let told = sentences(&collected, &Manifest::default());
        assert!(
            told[0].starts_with(
                "Lowest validation perplexity: expert-choice, CF 1 (not causal), 2.180"
            ),
            "{told:?}"
        );
        assert!(
            told[0].contains("of those that do not, top1, CF 1, 4.180"),
            "{told:?}"
        );
    }

    #[test]
    fn without_a_ranking_it_is_told_what_each_axis_does() {
        let told = sentences(&sample::capacity(), &Manifest::default());
        let factor = "Dropped assignments by capacity factor: ";
        let own = told.iter().find(|sentence| sentence.starts_with(factor));
        let own = own.unwrap_or_else(|| panic!("{told:?}"));
        assert!(own.contains(" % in the mean at CF "), "{own}");
    }
}
