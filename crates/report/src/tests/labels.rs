//! What figures say of their axes.

use super::figures;
use crate::sample;

#[test]
fn every_figure_names_its_axes_and_units() {
    let wanted = [
        (
            "drop_rate_vs_capacity_factor.svg",
            "dropped assignments (% of token-expert pairs)",
            "capacity factor CF",
        ),
        (
            "tokens_per_s_vs_capacity_factor.svg",
            "training throughput (thousand tokens/s)",
            "capacity factor CF",
        ),
        (
            "memory_vs_capacity_factor.svg",
            "peak memory of the process (MiB)",
            "capacity factor CF",
        ),
        (
            "frontier.svg",
            "validation perplexity (per token",
            "training throughput (thousand tokens/s)",
        ),
        (
            "loss_overlay.svg",
            "language-model training loss (nats/token)",
            "optimiser step (steps)",
        ),
        (
            "arithmetic.svg",
            "validation perplexity (per token",
            "training arithmetic (TFLOP",
        ),
        (
            "load_cv_vs_perplexity.svg",
            "validation perplexity (per token",
            "load CV over experts",
        ),
        (
            "expert_load.svg",
            "relative to a fair share",
            "expert (number)",
        ),
        (
            "frontier_regimes.svg",
            "validation perplexity (per token",
            "best quality",
        ),
        (
            "ranking.svg",
            "validation perplexity",
            "throughput (thousand",
        ),
        (
            "paired_differences.svg",
            "perplexity less that of",
            "(per token, left is better)",
        ),
        (
            "quality_by_axis.svg",
            "validation perplexity (per token",
            "capacity factor",
        ),
        (
            "validation_curves.svg",
            "validation perplexity (per token, logarithmic",
            "optimiser step (steps)",
        ),
        (
            "drops_by_position.svg",
            "dropped assignments (% of those sampled)",
            "place in the sequence",
        ),
        (
            "gate_entropy_vs_load_cv.svg",
            "entropy of the gates (nats)",
            "load CV over experts",
        ),
        ("token_heat.svg", "gate (no unit)", "token (its text)"),
        ("token_routing.svg", "its first expert", "layer 0"),
        (
            "routing_by_class.svg",
            "% of the class&apos;s tokens",
            "expert (number)",
        ),
    ];
    let drawn = figures(&sample::unified());
    assert_eq!(drawn.len(), wanted.len());
    for (file, ordinate, abscissa) in wanted {
        let svg = &drawn.iter().find(|figure| figure.file == file).unwrap().svg;
        assert!(svg.contains(ordinate), "{file} lacks {ordinate}");
        assert!(svg.contains(abscissa), "{file} lacks {abscissa}");
    }
}

#[test]
fn a_token_of_control_characters_is_drawn_as_a_picture() {
    let mut collected = sample::unified();
    for row in &mut collected.tokens {
        row.token_text = "\u{1b}[2J".to_owned();
    }
    let drawn = figures(&collected);
    let named = |file| drawn.iter().find(|figure| figure.file == file).unwrap();
    for file in ["token_heat.svg", "token_routing.svg"] {
        let svg = &named(file).svg;
        assert!(svg.contains("␛[2J") && !svg.contains('\u{1b}'), "{file}");
    }
}
