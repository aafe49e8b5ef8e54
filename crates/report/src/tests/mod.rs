//! The report as a whole, on made-up results.

mod adapters;
mod analysis;
mod labels;
mod routers;

use std::collections::BTreeSet;

use runstore::{Collected, Manifest, ResultsWriter};

use crate::figures::{Figure, draw_all};
use crate::{ClaimEntry, cells::summary, draw, sample};

fn figures(collected: &Collected) -> Vec<Figure> {
    let cells = summary(collected, sample::names);
    draw_all(collected, &cells, &Manifest::default()).0
}

fn names(collected: &Collected) -> BTreeSet<&'static str> {
    figures(collected)
        .into_iter()
        .map(|figure| figure.file)
        .collect()
}

/// The texts of a drawing with their x, y, anchor, size and whether they are turned.
fn texts(svg: &str) -> Vec<Text> {
    let attribute = |tag: &str, name: &str| -> String {
        let start = tag
            .find(&format!(" {name}=\""))
            .map_or(0, |at| at + name.len() + 3);
        tag[start..]
            .chars()
            .take_while(|character| *character != '"')
            .collect()
    };
    let elements = svg.split("<text").skip(1);
    elements
        .map(|element| {
            let (tag, rest) = element.split_once('>').unwrap();
            Text {
                x: attribute(tag, "x").parse().unwrap(),
                y: attribute(tag, "y").parse().unwrap(),
                anchor: attribute(tag, "text-anchor"),
                size: attribute(tag, "font-size").parse().unwrap(),
                turned: tag.contains("rotate("),
                bold: tag.contains("font-weight=\"bold\""),
                words: rest.split("</text>").next().unwrap().trim().to_owned(),
            }
        })
        .collect()
}

struct Text {
    x: f64,
    y: f64,
    anchor: String,
    size: f64,
    turned: bool,
    bold: bool,
    words: String,
}

impl Text {
    /// Left, top, right and bottom. The width is that of DejaVu Sans, which is wider than most.
    fn area(&self) -> (f64, f64, f64, f64) {
        let boldness = if self.bold { 1.1 } else { 1.0 };
        let width = crate::figures::text_width(&self.words, self.size) * boldness;
        let before = match self.anchor.as_str() {
            "middle" => 0.5,
            "end" => 1.0,
            _ => 0.0,
        };
        let (along, half) = (self.x - before * width, self.size * 0.45);
        if self.turned {
            let end = self.y + before * width;
            (self.x - half, end - width, self.x + half, end)
        } else {
            (along, self.y - half, along + width, self.y + half)
        }
    }
}

fn samples() -> [(&'static str, Collected); 7] {
    [
        ("unified", sample::unified()),
        ("analysis", sample::analysed()),
        ("capacity", sample::capacity()),
        ("experts", sample::experts()),
        ("scaling", sample::scaling()),
        ("routers-random", sample::routers()),
        ("perft", sample::adapters()),
    ]
}

#[test]
fn each_sweep_has_the_figures_that_its_data_carry() {
    let over_capacity = [
        "drop_rate_vs_capacity_factor.svg",
        "memory_vs_capacity_factor.svg",
        "tokens_per_s_vs_capacity_factor.svg",
    ];
    let trained = [
        "frontier.svg",
        "load_cv_vs_perplexity.svg",
        "loss_overlay.svg",
        "paired_differences.svg",
        "ranking.svg",
    ];
    let of_a_grid = ["frontier_regimes.svg", "quality_by_axis.svg"];
    let routed = [
        "arithmetic.svg",
        "drops_by_position.svg",
        "expert_load.svg",
        "gate_entropy_vs_load_cv.svg",
        "routing_by_class.svg",
        "token_heat.svg",
        "token_routing.svg",
        "validation_curves.svg",
    ];
    let all = |groups: &[&[&'static str]]| -> BTreeSet<&str> {
        groups.iter().copied().flatten().copied().collect()
    };
    assert_eq!(names(&sample::capacity()), over_capacity.into());
    assert_eq!(
        names(&sample::experts()),
        all(&[&over_capacity, &trained, &of_a_grid])
    );
    assert_eq!(
        names(&sample::unified()),
        all(&[&over_capacity, &trained, &of_a_grid, &routed])
    );
    assert_eq!(names(&sample::scaling()), ["scaling.svg"].into());
    let of_routers = [
        "latency_entropy.svg",
        "layer_outputs.svg",
        "router_heat.svg",
        "router_probabilities.svg",
        "utilisation.svg",
    ];
    assert_eq!(names(&sample::routers()), of_routers.into());
    assert_eq!(
        names(&sample::adapters()),
        all(&[&trained, &["adapters.svg"]])
    );
    assert!(names(&Collected::default()).is_empty());
}

#[test]
fn the_figure_of_scaling_has_an_abscissa_for_each_panel_and_says_the_ratio() {
    let svg = &figures(&sample::scaling())[0].svg;
    for text in [
        "time of a step (ms)",
        "experts E (number)",
        "tokens T (number)",
        "experts per token k (number)",
        "T = 4096, k = 2",
        "mean over 2 seeds",
        "ideal",
    ] {
        assert!(svg.contains(text), "the figure lacks {text}");
    }
    assert_eq!(svg.matches(" × ideal").count(), 3);
}

#[test]
fn every_figure_of_strategies_names_each_of_them() {
    let drawn = figures(&sample::unified());
    // A long text of each would be too much for a page: it shows the first three, and says so.
    let all = |figure: &&Figure| figure.file != "token_routing.svg";
    for figure in drawn.iter().filter(all) {
        for strategy in ["top1", "hard-top-k", "soft-top-k", "hash", "expert-choice"] {
            assert!(
                figure.svg.contains(strategy),
                "{} lacks {strategy}",
                figure.file
            );
        }
    }
}

#[test]
fn no_text_is_small_cut_off_or_written_over() {
    for (sweep, collected) in samples() {
        for figure in figures(&collected) {
            let height: f64 = figure
                .svg
                .split("height=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap()
                .parse()
                .unwrap();
            let texts = texts(&figure.svg);
            assert!(
                texts.len() > 10,
                "{sweep}: {} has hardly any text",
                figure.file
            );
            for (index, text) in texts.iter().enumerate() {
                let (left, top, right, bottom) = text.area();
                let place = format!("{sweep}: {}: '{}'", figure.file, text.words);
                assert!(text.size >= 12.0, "{place} is {} px high", text.size);
                assert!(
                    left >= 0.0 && top >= 0.0 && right <= 900.0 && bottom <= height,
                    "{place} is cut off"
                );
                for other in &texts[..index] {
                    let area = other.area();
                    let apart =
                        right <= area.0 || area.2 <= left || bottom <= area.1 || area.3 <= top;
                    assert!(apart, "{place} lies on '{}'", other.words);
                }
            }
        }
    }
}

#[test]
fn equal_tables_give_equal_bytes_whatever_the_order_of_rows() {
    for (sweep, collected) in samples() {
        let mut reversed = collected.clone();
        reversed.trials.reverse();
        reversed.steps.reverse();
        reversed.experts.reverse();
        reversed.tokens.reverse();
        let manifest = sample::manifest(sweep);
        let first = draw(&collected, &manifest, sample::names, &[]).unwrap();
        let second = draw(&reversed, &manifest, sample::names, &[]).unwrap();
        assert_eq!(first.figures.len(), second.figures.len());
        for (one, other) in first.figures.iter().zip(&second.figures) {
            assert!(one.svg == other.svg, "{} differs", one.file);
        }
        assert!(first.page == second.page, "{sweep}: the page differs");
    }
}

#[test]
fn the_page_needs_no_network() {
    for (sweep, collected) in samples() {
        let page = draw(&collected, &sample::manifest(sweep), sample::names, &[])
            .unwrap()
            .page;
        for address in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!page.contains(address), "{sweep}: the page has {address}");
        }
    }
}

#[test]
fn the_page_says_what_was_asked_found_and_lost() {
    let page = draw(
        &sample::unified(),
        &sample::manifest("unified"),
        sample::names,
        &[],
    )
    .unwrap()
    .page;
    for text in [
        "Which strategy gives the best quality at a given speed?",
        "30 finished trials in 10 cells, 1 diverged",
        "the best n-gram model (order 5) of as many tokens as a trial trains on has perplexity 8.100",
        "the bigram 9.800",
        "yes, every seed",
        "Not causal: expert-choice, CF 1; expert-choice, CF 1.25",
        "Not causal in training alone: hard-top-k, CF 1;",
        "<td class=\"name\">expert-choice (not causal)</td>",
        "all comparisons with the best cell, ",
        "by Holm's method over",
        "not told apart",
        "loss is NaN at step 40",
        "pl.read_parquet",
        "xp sweep unified",
        "<code>gb_per_s</code>",
    ] {
        assert!(page.contains(text), "the page lacks {text}");
    }
    assert_eq!(page.matches("<svg").count(), 18);
    assert_eq!(page.matches("prefers-color-scheme").count(), 2);
    assert!(!page.contains('†'), "cells of three seeds are marked");
}

#[test]
fn the_page_of_scaling_states_the_cost_of_more_experts() {
    let mut collected = sample::scaling();
    // Without its noise the step of the sample is 163.84 (1 + 0.0005 E) ms at T = 4096, k = 2.
    for row in &mut collected.trials {
        let (experts, tokens, k) = (
            row.experts.unwrap(),
            row.tokens.unwrap(),
            row.top_k.unwrap(),
        );
        let step = 0.02 * (tokens * k) as f64 * (1.0 + 0.0005 * experts as f64);
        row.step_ms_median = Some(step);
    }
    let page = draw(&collected, &sample::manifest("scaling"), sample::names, &[])
        .unwrap()
        .page;
    let cells = |row: [&str; 7]| {
        let row = row.map(|value| format!("<td class=\"number\">{value}</td>"));
        row.concat()
    };
    // 1.128 / 1.004.
    let along_experts = cells(["8", "256", "164.5", "184.8", "1.12", "1.00", "1.12"]);
    let along_tokens = cells(["1024", "4096", "42.27", "169.1", "4.00", "4.00", "1.00"]);
    assert!(page.contains(&along_experts), "{page}");
    assert!(page.contains(&along_tokens), "{page}");
}

#[test]
fn few_seeds_are_marked() {
    let page = draw(
        &sample::experts(),
        &sample::manifest("experts"),
        sample::names,
        &[],
    )
    .unwrap()
    .page;
    assert!(page.contains('†'));
    assert!(
        figures(&sample::experts())
            .iter()
            .all(|figure| figure.svg.contains("too few seeds"))
    );
}

#[test]
fn a_figure_without_data_does_not_stay_behind() {
    let folder = tempfile::tempdir().unwrap();
    let put = |collected: &Collected| {
        let mut results = ResultsWriter::open(folder.path()).unwrap();
        let report = draw(collected, &Manifest::default(), sample::names, &[]).unwrap();
        report.put(&mut results).unwrap();
        results.commit().unwrap();
    };
    put(&sample::unified());
    let frontier = folder.path().join("figures/frontier.svg");
    assert!(frontier.exists() && folder.path().join("report.html").exists());
    put(&sample::capacity());
    assert!(!frontier.exists());
}

#[test]
fn an_empty_sweep_still_has_a_page() {
    let report = draw(
        &Collected::default(),
        &Manifest::default(),
        sample::names,
        &[],
    )
    .unwrap();
    assert!(report.figures.is_empty());
    assert!(report.page.contains("0 finished trials in 0 cells"));
}

#[test]
fn claims_that_are_asked_of_a_sweep_stand_in_its_report() {
    let claim = ClaimEntry {
        id: "a.2".to_owned(),
        title: "ppl: soft top-k < hash".to_owned(),
        verdict: "undecided",
        effect: "-1.20 (-2.50, 0.10)".to_owned(),
        n: "5".to_owned(),
        source: "MoE Routing Bench".to_owned(),
        details: Vec::new(),
    };
    let page = |claims: &[ClaimEntry]| {
        let (collected, manifest) = (Collected::default(), Manifest::default());
        let report = draw(&collected, &manifest, sample::names, claims);
        report.unwrap().page
    };
    let with = page(std::slice::from_ref(&claim));
    assert!(with.contains("<a href=\"#claims\">"));
    assert!(with.contains("<code>a.2</code> ppl: soft top-k &lt; hash"));
    assert!(with.contains("<td>undecided</td>"));
    assert!(!page(&[]).contains("id=\"claims\""));
}
