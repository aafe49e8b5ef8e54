//! The report of a router sweep.

use super::{figures, texts};
use crate::{draw, sample};

#[test]
fn figures_of_routers_name_axes_units_and_routers() {
    let wanted = [
        (
            "latency_entropy.svg",
            "router entropy (nats)",
            "time of the router (ms)",
        ),
        (
            "layer_outputs.svg",
            "share of the fullest bin",
            "output of the layer (no unit)",
        ),
        (
            "router_heat.svg",
            "expert (number)",
            "columns: token (number)",
        ),
        (
            "router_probabilities.svg",
            "share of the fullest bin",
            "probability (share)",
        ),
        (
            "utilisation.svg",
            "relative to a fair share",
            "expert (number)",
        ),
    ];
    let figures = figures(&sample::routers());
    for (file, ordinate, abscissa) in wanted {
        let svg = &figures
            .iter()
            .find(|figure| figure.file == file)
            .unwrap()
            .svg;
        for text in [ordinate, abscissa, "linear", "self-supervised"] {
            assert!(svg.contains(text), "{file} lacks {text}");
        }
        // What scores nothing has no probabilities, and everything else.
        let named = texts(svg).iter().any(|text| text.words == "hash");
        assert_eq!(named, file != "router_probabilities.svg", "{file}");
    }
}

#[test]
fn the_page_of_routers_sets_the_paper_beside_them() {
    let page = draw(
        &sample::routers(),
        &sample::manifest("routers-random"),
        sample::names,
        &[],
    )
    .unwrap()
    .page;
    for text in [
        "Beside Optimizing MoE Routers</h2>",
        "1.9513",
        "0.2129",
        "2.0680",
        "router parameters",
    ] {
        assert!(page.contains(text), "the page lacks {text}");
    }
}
