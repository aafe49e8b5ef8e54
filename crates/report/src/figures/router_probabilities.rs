//! How a router's probabilities are distributed.

use super::distribution::{self, Shown};
use super::{Absent, Figure, Source};

const SHOWN: Shown = Shown {
    file: "router_probabilities.svg",
    title: "Distribution of router probabilities",
    caption: "The probabilities of all experts for all tokens that were measured, as a histogram, before any expert is \
              chosen. Each panel has an abscissa of its own: a router that hardly tells experts apart has a narrow \
              range around 1/E, a decided one has most values near 0. Routers that score nothing have no panel.",
    quantity: "router-probability",
    label: "probability (share)",
    own: true,
    reason: "it needs probabilities in histograms.parquet",
};

/// The distribution of probabilities over tokens and experts, a panel a router.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    distribution::draw(source, &SHOWN)
}
