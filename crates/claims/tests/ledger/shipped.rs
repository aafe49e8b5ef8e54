//! The claims that come with the source.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use claims::{Claim, Face, read_claims};

fn experiments() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments")
}

fn shipped() -> Vec<Claim> {
    // Every column that a claim names is looked up while it is read.
    read_claims(&experiments().join("claims.toml")).unwrap_or_else(|error| panic!("{error}"))
}

/// The letter of a claim, with its digit where it has one.
fn letter(claim: &Claim) -> &str {
    claim.id.split(['.', '-']).next().unwrap_or_default()
}

#[test]
fn every_claim_of_the_list_is_there() {
    let claims = shipped();
    assert!(claims.len() >= 30, "only {} claims", claims.len());
    let there: BTreeSet<&str> = claims.iter().map(letter).collect();
    let letters = ('a'..='w').map(String::from);
    let numbers = (2..=8).map(|n| format!("m{n}"));
    let absent: Vec<String> = letters
        .chain(numbers)
        .filter(|own| !there.contains(own.as_str()))
        .collect();
    assert!(absent.is_empty(), "no claim for {absent:?}");
}

#[test]
fn ids_that_end_in_pub_are_asked_of_the_code_and_no_others() {
    let wrong: Vec<String> = shipped()
        .into_iter()
        .filter(|claim| claim.needs.is_none())
        .filter(|claim| claim.id.ends_with("-pub") != (claim.face == Face::AsPublished))
        .map(|claim| claim.id)
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn every_sentence_is_one_and_says_where_it_stands() {
    for claim in shipped() {
        assert!(claim.says.ends_with('.'), "{}: {}", claim.id, claim.says);
        let source = ["MoE Routing Bench, ", "Optimizing MoE Routers, "];
        assert!(
            source.iter().any(|own| claim.source.starts_with(own)),
            "{}: {}",
            claim.id,
            claim.source
        );
    }
}
