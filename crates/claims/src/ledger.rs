//! The ledger: every claim with its verdict, corrected for how many there are.

use std::collections::{BTreeMap, BTreeSet};

use metrics::paired::holm;
use runstore::Collected;
use serde::Serialize;

use crate::error::Error;
use crate::file::{Claim, EffectKind, Face};
use crate::query::{self, Found, Part, Reading, Reason, Sureness, Used, Want};
use crate::results::{Library, Place};

/// The share of ledgers without a true effect in which chance decides any claim.
pub const LEVEL: f64 = 0.05;

/// What results say of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All parts are for sure as claimed.
    Holds,
    /// Some part is for sure otherwise.
    Fails,
    /// Neither is sure, or something is missing.
    Undecided,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Holds, Self::Fails, Self::Undecided];

    /// Its word behind a count of claims.
    pub fn of_many(self) -> &'static str {
        match self {
            Self::Holds => "hold",
            Self::Fails => "fail",
            Self::Undecided => "undecided",
        }
    }

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Undecided => "undecided",
        }
    }
}

/// An effect with its 95 % interval, which is not corrected.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Effect {
    /// How it is to be read.
    pub reading: Reading,
    /// The effect; of ratios the ratio, not its logarithm.
    pub value: f64,
    /// The lower end.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// Seeds, rounds or cells.
    pub n: usize,
}

/// A part of a claim with what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartOutcome {
    /// What is compared; empty where it is all of the claim.
    pub label: String,
    /// How it turned out by itself.
    pub verdict: Verdict,
    /// The effect, where there is one.
    pub effect: Option<Effect>,
    /// What Holm's correction would give the claim, were this part all of it; null where nothing varies.
    pub p: Option<f64>,
    /// Why it is undecided.
    pub reason: Option<String>,
}

/// A claim with its verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The claim's id.
    pub id: String,
    /// What is claimed, in few words.
    pub title: String,
    /// What is claimed.
    pub says: String,
    /// Where it stands.
    pub source: String,
    /// What the source gives for it.
    pub published: Option<String>,
    /// Of which form of the system it is asked.
    pub face: Face,
    /// What a reader must know.
    pub note: Option<String>,
    /// The sweeps.
    pub sweeps: Vec<String>,
    /// What is measured.
    pub measure: String,
    /// How two sides are held against each other.
    pub effect_kind: EffectKind,
    /// The test's name.
    pub test: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is undecided.
    pub reason: Option<String>,
    /// What is to be done about it.
    pub want: Option<Want>,
    /// The command that runs what is missing.
    pub command: Option<String>,
    /// The effect of the part that the verdict hangs on.
    pub effect: Option<Effect>,
    /// The p of the claim before correction; null where nothing was asked or nothing varies.
    pub p: Option<f64>,
    /// The same after Holm's correction over the ledger.
    pub corrected_p: Option<f64>,
    /// All parts.
    pub parts: Vec<PartOutcome>,
    /// The results that were asked.
    pub used: Vec<Used>,
}

/// All claims with their verdicts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ledger {
    /// The scale whose results were asked.
    pub scale: String,
    /// The device.
    pub device: String,
    /// What a corrected p must be below.
    pub level: f64,
    /// Claims of which something was asked whose answer varies: the family of the correction.
    pub family: usize,
    /// The claims, in the order of the file.
    pub claims: Vec<Outcome>,
}

impl Ledger {
    /// Asks all claims of the results that are there.
    ///
    /// # Errors
    ///
    /// When results are there and cannot be read.
    pub fn ask(claims: &[Claim], place: &Place) -> Result<Option<Self>, Error> {
        Self::ask_with(claims, place, None)
    }

    /// The same where the tables of one sweep are at hand and do not stand yet.
    ///
    /// # Errors
    ///
    /// When results are there and cannot be read.
    pub fn ask_with(
        claims: &[Claim],
        place: &Place,
        fresh: Option<(&str, &Collected)>,
    ) -> Result<Option<Self>, Error> {
        let sweeps: BTreeSet<&str> = claims
            .iter()
            .flat_map(|claim| &claim.sweep.0)
            .map(String::as_str)
            .collect();
        let library = Library::read(sweeps, place, fresh)?;
        if library.is_empty() {
            return Ok(None);
        }
        let answers: Vec<_> = claims
            .iter()
            .map(|claim| query::ask(claim, &library, place))
            .collect();
        let asked: Vec<Option<f64>> = answers.iter().map(|answer| p_of(&answer.parts)).collect();
        let corrected = holm(&asked);
        let judged = claims
            .iter()
            .zip(answers)
            .enumerate()
            .map(|(at, (claim, answer))| {
                let alone = |p: f64| {
                    let mut others = asked.clone();
                    others[at] = Some(p);
                    holm(&others)[at].unwrap_or(1.0)
                };
                outcome(claim, answer, corrected[at], &alone, place)
            });
        Ok(Some(Self {
            scale: place.scale.clone(),
            device: place.device.clone(),
            level: LEVEL,
            family: asked.iter().flatten().count(),
            claims: judged.collect(),
        }))
    }

    /// The ledger of the claims alone that are asked of a sweep. The correction stays that of all.
    #[must_use]
    pub fn of_sweep(&self, sweep: &str) -> Self {
        let own = |claim: &&Outcome| claim.sweeps.iter().any(|name| name == sweep);
        Self {
            claims: self.claims.iter().filter(own).cloned().collect(),
            ..self.clone()
        }
    }

    /// How many claims have a verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.claims
            .iter()
            .filter(|claim| claim.verdict == verdict)
            .count()
    }

    /// How many undecided claims want what.
    pub fn wants(&self) -> BTreeMap<Want, usize> {
        let mut wants = BTreeMap::new();
        for want in self.claims.iter().filter_map(|claim| claim.want) {
            *wants.entry(want).or_insert(0) += 1;
        }
        wants
    }

    /// The ledger of some claims alone: those whose id is one of these, or begins with one before a dot or a hyphen. The
    /// correction stays that of all.
    #[must_use]
    pub fn only(&self, ids: &[String]) -> Self {
        let wanted = |id: &str| {
            ids.is_empty()
                || ids.iter().any(|own| {
                    id.strip_prefix(own.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
                })
        };
        let claims = self.claims.iter().filter(|claim| wanted(&claim.id));
        Self {
            claims: claims.cloned().collect(),
            ..self.clone()
        }
    }
}

/// How sure a claim is that holds when all of its parts do and fails when one is contradicted: of the first question the
/// largest p of the parts, since all must be sure; of the second the smallest, once for each part.
fn sureness(parts: &[Part]) -> Sureness {
    let all = parts.iter().map(Part::sureness);
    let holds = all.clone().map(|own| own.holds).fold(0.0, f64::max);
    let fails = all.map(|own| own.fails).fold(1.0, f64::min);
    Sureness {
        holds,
        fails: (fails * parts.len() as f64).min(1.0),
    }
}

/// The p that a claim brings into the family: none where nothing was asked, or where no part varies.
fn p_of(parts: &[Part]) -> Option<f64> {
    let varies = parts.iter().filter_map(|part| part.found.as_ref().ok());
    let varies = varies.filter(|found| !is_by_value(found)).count();
    (varies > 0).then(|| sureness(parts).p())
}

/// Whether a value that does not vary decided.
fn is_by_value(found: &Found) -> bool {
    let Sureness { holds, fails } = found.sureness;
    (holds == 0.0 && fails == 1.0) || (holds == 1.0 && fails == 0.0)
}

fn outcome(
    claim: &Claim,
    answer: query::Answer,
    corrected: Option<f64>,
    alone: &impl Fn(f64) -> f64,
    place: &Place,
) -> Outcome {
    let own = sureness(&answer.parts);
    let is_asked = answer.parts.iter().any(|part| part.found.is_ok());
    let verdict = verdict(own, is_asked.then(|| corrected.unwrap_or_else(|| own.p())));
    let reason = (verdict == Verdict::Undecided).then(|| {
        let missing = answer
            .parts
            .iter()
            .find_map(|part| part.found.as_ref().err());
        missing.cloned().unwrap_or(Reason::Noise)
    });
    let want = reason.as_ref().map(Reason::want);
    let parts: Vec<PartOutcome> = answer
        .parts
        .iter()
        .map(|part| part_outcome(part, answer.parts.len(), alone))
        .collect();
    Outcome {
        id: claim.id.clone(),
        title: claim.title.clone(),
        says: claim.says.clone(),
        source: claim.source.clone(),
        published: claim.published.clone(),
        face: claim.face,
        note: claim.note.clone(),
        sweeps: claim.sweep.0.clone(),
        measure: claim.measure.to_string(),
        effect_kind: claim.effect,
        test: claim.test.name(),
        verdict,
        command: want.and_then(|want| command(claim, want, reason.as_ref(), place)),
        want,
        reason: reason.map(|reason| reason.to_string()),
        effect: telling(&answer.parts, verdict).and_then(effect),
        p: corrected.map(|_| own.p()),
        corrected_p: corrected,
        parts,
        used: answer.used,
    }
}

fn verdict(own: Sureness, p: Option<f64>) -> Verdict {
    match p {
        Some(p) if p < LEVEL && own.leans_to_holds() => Verdict::Holds,
        Some(p) if p < LEVEL => Verdict::Fails,
        _ => Verdict::Undecided,
    }
}

fn part_outcome(part: &Part, parts: usize, alone: &impl Fn(f64) -> f64) -> PartOutcome {
    let own = part.sureness();
    // Of several parts the most contradicted one is looked for, so each counts as often.
    let own = Sureness {
        fails: (own.fails * parts as f64).min(1.0),
        ..own
    };
    let asked = part.found.as_ref().ok();
    let p = asked.map(|found| {
        if is_by_value(found) {
            0.0
        } else {
            alone(own.p())
        }
    });
    let verdict = verdict(own, p);
    let noise = (verdict == Verdict::Undecided).then(|| Reason::Noise.to_string());
    PartOutcome {
        label: part.label.clone(),
        verdict,
        effect: effect(part),
        p: p.filter(|_| asked.is_some_and(|found| !is_by_value(found))),
        reason: part
            .found
            .as_ref()
            .err()
            .map_or(noise, |reason| Some(reason.to_string())),
    }
}

/// The part that the verdict hangs on: of what holds the least sure, of what fails the most contradicted.
fn telling(parts: &[Part], verdict: Verdict) -> Option<&Part> {
    let asked = parts.iter().filter(|part| part.found.is_ok());
    match verdict {
        Verdict::Fails => asked.min_by(|a, b| a.sureness().fails.total_cmp(&b.sureness().fails)),
        _ => asked.max_by(|a, b| a.sureness().holds.total_cmp(&b.sureness().holds)),
    }
}

fn effect(part: &Part) -> Option<Effect> {
    let found = part.found.as_ref().ok()?;
    let shown = |x: f64| {
        if found.reading == Reading::Ratio {
            x.exp()
        } else {
            x
        }
    };
    let interval = found.estimate.interval();
    Some(Effect {
        reading: found.reading,
        value: shown(found.estimate.point()),
        low: interval.map(|(low, _)| shown(low)),
        high: interval.map(|(_, high)| shown(high)),
        n: found.estimate.n(),
    })
}

/// What runs what is missing; of several sweeps the first that has none.
fn command(claim: &Claim, want: Want, reason: Option<&Reason>, place: &Place) -> Option<String> {
    let first = claim.sweep.0.first()?;
    match want {
        Want::FullQwen | Want::Gpu => {
            Some(format!("xp sweep {first} --scale paper --device cuda:0"))
        }
        Want::Runs => {
            let absent = claim.sweep.0.iter().find(|sweep| {
                let folder = place.folder(sweep).display().to_string();
                matches!(reason, Some(Reason::NoResults { folder: own }) if *own == folder)
            });
            Some(place.command(absent.unwrap_or(first)))
        }
        Want::Query | Want::Certainty => None,
    }
}
