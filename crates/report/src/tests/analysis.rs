//! The figures of what routers do with text.

use runstore::tables::TokenRow;

use super::{figures, names};
use crate::sample;

fn svg(file: &str) -> String {
    let drawn = figures(&sample::analysed());
    let figure = drawn.into_iter().find(|figure| figure.file == file);
    figure.expect("it is drawn").svg
}

#[test]
fn an_analysis_has_two_more_figures() {
    let more = ["agreement.svg", "expert_selection.svg"];
    let expected = names(&sample::unified()).into_iter().chain(more).collect();
    assert_eq!(names(&sample::analysed()), expected);
}

#[test]
fn figures_of_an_analysis_name_axes_and_units() {
    let wanted = [
        ("agreement.svg", "mutual information", "(no unit)"),
        (
            "expert_selection.svg",
            "first choice it is (%)",
            "expert (number)",
        ),
    ];
    for (file, ordinate, abscissa) in wanted {
        let svg = svg(file);
        for text in [ordinate, abscissa, "hash"] {
            assert!(svg.contains(text), "{file} lacks {text}");
        }
    }
}

#[test]
fn chance_stands_beside_what_was_found() {
    let classes = svg("routing_by_class.svg");
    // 75 of 200 tokens at expert 0, 125 at expert 1.
    for text in [
        "letter (100)",
        "space (100)",
        "chance (200)",
        "all text of the evaluation",
    ] {
        assert!(classes.contains(text), "classes lack {text}");
    }
    let agreement = svg("agreement.svg");
    for text in ["experts dealt at random", "0.004", "0.375"] {
        assert!(agreement.contains(text), "agreement lacks {text}");
    }
}

#[test]
fn decisions_from_before_the_end_change_no_figure() {
    let collected = sample::unified();
    let mut sampled = collected.clone();
    let early = collected.tokens.iter().map(|row| TokenRow {
        step: 0,
        expert: 7 - row.expert,
        kept: !row.kept,
        ..row.clone()
    });
    sampled.tokens.extend(early);
    for (one, other) in figures(&collected).iter().zip(&figures(&sampled)) {
        assert!(one.svg == other.svg, "{} differs", one.file);
    }
}
