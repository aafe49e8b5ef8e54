//! The report of a sweep of adapters.

use runstore::Manifest;

use super::{figures, texts};
use crate::{
    cells::{Cell, summary},
    compare::describe,
    draw, ranking, sample,
};

/// The figure of that file.
fn svg(file: &str) -> String {
    let figures = figures(&sample::adapters());
    let own = figures.into_iter().find(|figure| figure.file == file);
    own.unwrap().svg
}

#[test]
fn an_adapter_has_one_name_and_no_other_axes() {
    let cells = summary(&sample::adapters(), sample::names);
    let axes: Vec<&str> = cells[0].axes.iter().map(|axis| &*axis.axis).collect();
    assert_eq!(axes, ["adapter"]);
    let labels: Vec<String> = cells.iter().map(Cell::label).collect();
    assert_eq!(
        labels,
        [
            "LoRA q,v r 8",
            "LoRA q,v r 32",
            "PERFT-D 4, r 8",
            "PERFT-D 4, r 32",
            "PERFT-E r 8",
            "PERFT-E r 32",
            "PERFT-R 2 of 4 as published, r 8",
            "PERFT-R 2 of 4 as published, r 32",
            "PERFT-R 2 of 4, r 8",
            "PERFT-R 2 of 4, r 32",
            "PERFT-S r 8",
            "PERFT-S r 32",
            "none",
        ]
    );
}

#[test]
fn the_page_has_what_is_paid_for_the_loss_and_nothing_of_routing() {
    let page = draw(
        &sample::adapters(),
        &sample::manifest("perft"),
        sample::names,
        &[],
    )
    .unwrap()
    .page;
    for text in [
        "<td>PERFT-R 2 of 4, r 8</td>",
        "validation loss",
        "validation perplexity",
        "accuracy of the commonest answers",
        "of them activated by a token",
        "share of activated parameters",
        "peak memory",
        "throughput",
    ] {
        assert!(page.contains(text), "the page lacks {text}");
    }
    assert!(!page.contains("<td>{}</td>") && !page.contains("load CV before drops"));
}

#[test]
fn the_figure_of_adapters_names_kinds_ranks_and_axes() {
    let svg = svg("adapters.svg");
    for text in [
        "validation loss after training (nats/token, lower is better)",
        "activated trainable parameters (% of activated parameters)",
        "(K / N)(r / 16) (no unit)",
        "PERFT-R as published",
        "none: the model as it came",
        "mean over 3 seeds",
    ] {
        assert!(svg.contains(text), "the figure lacks {text}");
    }
    let texts = texts(&svg);
    let labels = |words: &str| texts.iter().filter(|text| text.words == words).count();
    // E and S in two panels.
    assert_eq!(labels("r 32"), 4);
    assert!(labels("2 of 4, r 8") > 0 && labels("q,v r 8") == 1);
}

#[test]
fn the_figure_of_adapters_needs_some_of_perft() {
    let mut collected = sample::adapters();
    let is_lora = |name: Option<&str>| matches!(name, Some("lora" | "none"));
    collected
        .trials
        .retain(|row| is_lora(row.adapter.as_deref()));
    let drawn = figures(&collected);
    assert!(drawn.iter().all(|figure| figure.file != "adapters.svg"));
}

#[test]
fn a_caption_explains_no_line_that_is_not_there() {
    let caption = |collected| {
        let figures = figures(&collected);
        let overlay = figures
            .into_iter()
            .find(|own| own.file == "loss_overlay.svg");
        overlay.unwrap().caption
    };
    assert!(!caption(sample::adapters()).contains("n-gram"));
    assert!(caption(sample::unified()).contains("n-gram"));
}

#[test]
fn a_baseline_of_single_settings_is_found_by_the_document() {
    let collected = sample::adapters();
    let cells = summary(&collected, sample::names);
    let described = describe(&collected, &["none-None-17".to_owned()], sample::names);
    assert_eq!(described["adapter"], "none");
    let earlier = [
        ("settings.adapter.none", "{}"),
        ("settings.adapter.perft.r", "none"),
    ];
    let earlier = earlier.map(|(path, value)| (path.to_owned(), value.to_owned()));
    for baseline in [described, earlier.into()] {
        let manifest = Manifest {
            baseline,
            ..Manifest::default()
        };
        let ranking = ranking(&cells, &manifest);
        assert!(ranking.iter().all(|row| row.baseline.is_some()));
    }
}
