//! `README.md` of this crate lists what the registries hold. `UPDATE=1` writes it anew.

use std::{env, fmt::Write as _, fs, path::Path};

use registry::{Member, Variant};
use routers::{BalancerConfig, GateRule, RouterDims, ScoreFunction, ScorerConfig, StrategyConfig};
use schemars::schema_for;

const HEAD: &str =
    "<!-- Written from the registries by tests/catalogue.rs; UPDATE=1 writes it anew. -->

# The routers

A router is one of each family: a scorer, a score function, a strategy, a gate rule, and any number
of balancers. `cargo doc -p routers --open` has the equation, gradients, failure modes, source and
settings of each; `xp schema` and `xp schema --defaults` the same settings for editors and people.
How to add one: [your first router](../../docs/first-router.md).
";

/// The sizes at which parameters and operations are given: those of the tables of Optimizing MoE Routers.
const DIMS: RouterDims = RouterDims {
    width: 768,
    experts: 8,
    top_k: 2,
    capacity_factor: 1.0,
    vocab: 30_522,
    token_counts: None,
    seed: 0,
};

fn names(member: &Member) -> String {
    let mut names = format!("`{}`", member.name);
    for alias in member.aliases {
        let _ = write!(names, ", `{alias}`");
    }
    names
}

const fn yes(fact: bool) -> &'static str {
    if fact { "yes" } else { "" }
}

/// With thousands apart, as people read it.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn scorers() -> String {
    let mut text = String::from(
        "| `scorer =` | what it is | parameters | operations a token |\n|---|---|--:|--:|\n",
    );
    for member in ScorerConfig::MEMBERS {
        let config = ScorerConfig::by_default(member.name).expect("a member");
        let (parameters, flops) = (
            config.rules().num_params(&DIMS),
            config.rules().flops(&DIMS),
        );
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            names(member),
            member.summary,
            grouped(parameters),
            grouped(flops)
        );
    }
    text
}

fn strategies() -> String {
    let mut text = String::from(
        "| `strategy =` | what it does | scores | learns by gates | causal | own capacity | takes a bias |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for member in StrategyConfig::MEMBERS {
        let config = StrategyConfig::by_default(member.name).expect("a member");
        let facts = config.rules().facts();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            names(member),
            member.summary,
            yes(facts.needs_scores),
            yes(facts.gate_gradient),
            yes(facts.causal),
            yes(config.rules().owns_capacity()),
            yes(facts.takes_bias)
        );
    }
    text
}

fn balancers() -> String {
    let mut text = String::from("| `balancers = [...]` | what it does |\n|---|---|\n");
    for member in BalancerConfig::MEMBERS {
        let _ = writeln!(text, "| {} | {} |", names(member), member.summary);
    }
    text
}

/// The variants of an enum of names with their documentation.
fn switch(setting: &str, schema: &serde_json::Value) -> String {
    let mut text = format!("| `{setting} =` | what it does |\n|---|---|\n");
    for variant in schema["oneOf"].as_array().expect("variants") {
        let name = variant["const"].as_str().expect("a name");
        let doc = variant["description"].as_str().expect("documentation");
        let _ = writeln!(text, "| `{name}` | {} |", doc.replace('\n', " "));
    }
    text
}

fn catalogue() -> String {
    let function = schema_for!(ScoreFunction).to_value();
    let gate = schema_for!(GateRule).to_value();
    [
        HEAD.to_owned(),
        format!(
            "## Scorers\n\nWith their defaults at H = 768 and E = 8.\n\n{}",
            scorers()
        ),
        format!(
            "## Score functions\n\nWhere none is named, the strategy's own.\n\n{}",
            switch("score-function", &function)
        ),
        format!("## Strategies\n\n{}", strategies()),
        format!(
            "## Gate rules\n\nWhere none is named, the strategy's own; a rule that makes no sense \
             with a strategy is refused with the reason.\n\n{}",
            switch("gate", &gate)
        ),
        format!(
            "## Balancers\n\nSeveral may be named at once.\n\n{}",
            balancers()
        ),
    ]
    .join("\n")
}

#[test]
fn the_readme_lists_what_the_registries_hold() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let expected = catalogue();
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &expected).expect("the crate's folder can be written to");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{} differs from the registries; UPDATE=1 writes it anew",
        path.display()
    );
}

#[test]
fn every_summary_says_something() {
    for members in [
        ScorerConfig::MEMBERS,
        StrategyConfig::MEMBERS,
        BalancerConfig::MEMBERS,
    ] {
        for member in members {
            assert!(
                member.summary.len() > 15,
                "{}: {}",
                member.name,
                member.summary
            );
            assert!(member.summary.ends_with('.'), "{}", member.name);
        }
    }
}
