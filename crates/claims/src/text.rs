//! The ledger for people to read: a line a claim, one claim in full, a table for pages.

use std::collections::BTreeSet;

use crate::file::Face;
use crate::ledger::{Effect, Ledger, Outcome, PartOutcome, Verdict};
use crate::query::{Reading, Want};

/// Characters of a line.
const WIDTH: usize = 80;

/// An interval narrower than this share of its value is none: the numbers do not vary.
const NO_WIDTH: f64 = 1e-9;

/// What the signs of [`Ledger::lines`] mean.
const LEGEND: [&str; 3] = [
    "+ and - are differences, × ratios, ρ correlations; n: seeds, rounds or cells.",
    "-pub: asked of what the published code does, not of the method as described.",
    "`xp claims --id ID` shows one with its test and results.",
];

/// A row of the ledger's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The claim's id.
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

impl From<&Outcome> for Row {
    fn from(outcome: &Outcome) -> Self {
        Self {
            id: outcome.id.clone(),
            title: outcome.title.clone(),
            verdict: outcome.verdict.name(),
            effect: match (&outcome.effect, outcome.want) {
                (Some(effect), _) => effect_text(effect),
                (None, want) => want.map_or("", Want::short).to_owned(),
            },
            n: outcome
                .effect
                .map_or_else(String::new, |effect| effect.n.to_string()),
            source: outcome.source.clone(),
            details: details(outcome),
        }
    }
}

impl Ledger {
    /// The rows of a table.
    pub fn rows(&self) -> Vec<Row> {
        self.claims.iter().map(Row::from).collect()
    }

    /// A heading and a line a claim, none longer than 80 characters, what the signs mean, then how many there are of each verdict, what undecided ones
    /// want, and the commands that run what is missing.
    pub fn lines(&self) -> String {
        let mut lines = vec![heading()];
        lines.extend(self.rows().iter().map(line));
        let counts = Verdict::ALL.map(|own| format!("{} {}", self.count(own), own.of_many()));
        lines.push(String::new());
        lines.extend(LEGEND.map(str::to_owned));
        lines.push(String::new());
        lines.push(format!(
            "{} claims at {}: {}.",
            self.claims.len(),
            self.scale,
            counts.join(", ")
        ));
        for (want, n) in self.wants() {
            lines.push(format!("  {n:>3} {}", want.words()));
            if want == Want::Runs {
                lines.extend(
                    self.commands()
                        .into_iter()
                        .map(|own| format!("        {own}")),
                );
            }
        }
        lines.join("\n") + "\n"
    }

    /// The commands that run what is missing.
    pub fn commands(&self) -> BTreeSet<&str> {
        let missing = self.claims.iter();
        let missing = missing.filter(|claim| claim.want == Some(Want::Runs));
        missing
            .filter_map(|claim| claim.command.as_deref())
            .collect()
    }

    /// How many claims hold, fail and are undecided, and why, in a sentence.
    pub fn summary(&self) -> String {
        let counts = Verdict::ALL.map(|own| format!("{} {}", self.count(own), own.of_many()));
        let wants = self.wants().into_iter();
        let wants: Vec<_> = wants
            .map(|(want, n)| format!("{n} {}", want.words()))
            .collect();
        let why = match wants.as_slice() {
            [] => String::new(),
            wants => format!(" ({})", wants.join(", ")),
        };
        format!(
            "{} claims at {}: {}{why}.",
            self.claims.len(),
            self.scale,
            counts.join(", ")
        )
    }

    /// Every claim with its sentence, its parts and the results that it was asked of.
    pub fn full(&self) -> String {
        self.claims
            .iter()
            .map(in_full)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// A table in Markdown, with the line that counts them.
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "{}\n\n| id | claim | verdict | effect, 95 % interval | n | source |\n|---|---|---|---|--:|---|\n",
            self.summary()
        );
        for row in self.rows() {
            let cells = [
                row.id,
                row.title,
                row.verdict.to_owned(),
                row.effect,
                row.n,
                row.source,
            ];
            let cells = cells.map(|cell| cell.replace('|', "\\|"));
            text += &format!("| {} |\n", cells.join(" | "));
        }
        text
    }
}

/// `a.1      holds     -1.12 (-1.51, -0.74)    5  soft top-k below hash`
fn line(row: &Row) -> String {
    let n = if row.n.is_empty() { "–" } else { &row.n };
    columns([&row.id, row.verdict, &row.effect, n, &row.title])
}

/// What stands above the columns of [`line`].
fn heading() -> String {
    columns([
        "CLAIM",
        "VERDICT",
        "EFFECT (95 % INTERVAL)",
        "N",
        "WHAT IS SAID",
    ])
}

fn columns([id, verdict, effect, n, title]: [&str; 5]) -> String {
    let head = format!(
        "{id:<8} {verdict:<9} {:<25} {n:>3}  ",
        shortened(effect, 25)
    );
    let left = WIDTH.saturating_sub(head.chars().count());
    head + &shortened(title, left)
}

fn in_full(claim: &Outcome) -> String {
    let mut text = format!(
        "{}  {}  ({})\n",
        claim.id,
        claim.verdict.name(),
        face(claim.face)
    );
    for (name, value) in details(claim) {
        text += &wrapped(&format!("  {name:<10} "), &value);
    }
    text
}

fn face(face: Face) -> &'static str {
    match face {
        Face::AsDescribed => "as described",
        Face::AsPublished => "as published",
    }
}

fn details(claim: &Outcome) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("claim", claim.says.clone()),
        ("source", claim.source.clone()),
    ];
    all.extend(claim.published.clone().map(|text| ("published", text)));
    let (measure, sweeps) = (&claim.measure, claim.sweeps.join(" and "));
    all.push(("test", format!("{} of {measure} over {sweeps}", claim.test)));
    if let Some(effect) = &claim.effect {
        let text = format!("{}, n {}", effect_text(effect), effect.n);
        all.push(("effect", text));
    }
    if let (Some(p), Some(corrected)) = (claim.p, claim.corrected_p) {
        let [p, corrected] = [p, corrected].map(number);
        all.push(("p", format!("{p}, after Holm's correction {corrected}")));
    }
    all.extend(claim.reason.clone().map(|text| ("undecided", text)));
    all.extend(claim.command.clone().map(|text| ("run", text)));
    if claim.parts.len() > 1 {
        all.extend(claim.parts.iter().map(|part| ("part", part_text(part))));
    }
    all.extend(claim.used.iter().map(|used| {
        let (commits, cells) = (used.commits.join(", "), used.cells.join("; "));
        let (folder, trials) = (&used.folder, used.trials);
        let text = format!("{folder}, {trials} trials of commit {commits}: {cells}");
        ("results", text)
    }));
    all.extend(claim.note.clone().map(|text| ("note", text)));
    all
}

fn part_text(part: &PartOutcome) -> String {
    let shown = match (&part.effect, &part.reason) {
        (Some(effect), _) => format!("{}, n {}", effect_text(effect), effect.n),
        (None, reason) => reason.clone().unwrap_or_default(),
    };
    format!("{}: {}, {shown}", part.label, part.verdict.name())
}

/// `-1.12 (-1.51, -0.74)`, `×1.08 (1.05, 1.11)`, `ρ 0.71 (0.20, 0.92)`: as many digits as the interval is sure of.
fn effect_text(effect: &Effect) -> String {
    let sign = match effect.reading {
        Reading::Difference if effect.value > 0.0 => "+",
        Reading::Difference | Reading::Level => "",
        Reading::Ratio => "×",
        Reading::Correlation => "ρ ",
    };
    let (value, ends) = (effect.value, effect.low.zip(effect.high));
    let Some((low, high)) = ends.filter(|(low, high)| high - low > NO_WIDTH * value.abs()) else {
        return format!("{sign}{}", number(value));
    };
    let digits = decimals((high - low) / 2.0);
    format!("{sign}{value:.digits$} ({low:.digits$}, {high:.digits$})")
}

/// Decimals with which a half-width has two digits, four at the most.
fn decimals(half: f64) -> usize {
    (1 - half.log10().floor() as i32).clamp(0, 4) as usize
}

/// Three significant digits; whole numbers as they are.
fn number(x: f64) -> String {
    let size = x.abs();
    if x.fract() == 0.0 {
        return format!("{x:.0}");
    }
    if size < 1e-3 {
        return format!("{x:.1e}");
    }
    let digits = (2 - size.log10().floor() as i32).max(0) as usize;
    format!("{x:.digits$}")
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// A text behind a head, its lines no wider than the terminal's 80 where words allow.
fn wrapped(head: &str, text: &str) -> String {
    let indent = head.chars().count();
    let mut lines = vec![head.to_owned()];
    let mut width = indent;
    for word in text.split_whitespace() {
        let own = word.chars().count();
        if width > indent && width + 1 + own > WIDTH {
            lines.push(" ".repeat(indent));
            width = indent;
        }
        let line = lines.last_mut().expect("a first line");
        if width > indent {
            line.push(' ');
            width += 1;
        }
        line.push_str(word);
        width += own;
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let shown = [1.0, -0.123_456, 12.345, 1234.5, 0.000_123, 0.0, 0.5].map(number);
        assert_eq!(
            shown,
            ["1", "-0.123", "12.3", "1234", "1.2e-4", "0", "0.500"]
        );
    }

    #[test]
    fn an_effect_says_what_it_is_with_the_digits_of_its_interval() {
        let effect = |reading, value, low, high| {
            effect_text(&Effect {
                reading,
                value,
                low: Some(low),
                high: Some(high),
                n: 3,
            })
        };
        assert_eq!(
            effect(Reading::Difference, 1.0, 0.5, 1.5),
            "+1.00 (0.50, 1.50)"
        );
        assert_eq!(
            effect(Reading::Ratio, 1.0812, 1.05, 1.11),
            "×1.081 (1.050, 1.110)"
        );
        assert_eq!(effect(Reading::Ratio, 178.4, 88.7, 357.2), "×178 (89, 357)");
        assert_eq!(
            effect(Reading::Correlation, 0.7, 0.2, 0.9),
            "ρ 0.70 (0.20, 0.90)"
        );
        assert_eq!(effect(Reading::Level, 6144.0, 6144.0, 6144.0), "6144");
        assert_eq!(
            effect(Reading::Level, 5e-5, -1e-5, 1.1e-4),
            "0.0001 (-0.0000, 0.0001)"
        );
    }

    #[test]
    fn long_words_are_cut_and_long_texts_wrapped() {
        assert_eq!(shortened("abcdef", 4), "abc…");
        let text = wrapped("  claim  ", &"word ".repeat(40));
        assert!(text.lines().count() > 2 && text.lines().all(|line| line.chars().count() <= WIDTH));
        assert!(
            text.lines()
                .skip(1)
                .all(|line| line.starts_with("         word"))
        );
    }
}
