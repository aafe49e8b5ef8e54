//! How the outputs of a layer are distributed.

use super::distribution::{self, Shown};
use super::{Absent, Figure, Source};

const SHOWN: Shown = Shown {
    file: "layer_outputs.svg",
    title: "Distribution of the layer's outputs",
    caption: "All channels of the outputs of the measured tokens, after the chosen experts' outputs were weighted and \
              summed, as a histogram. All panels have one abscissa, so that a router which mixes its experts evenly, \
              and by that averages them, shows as a narrower curve.",
    quantity: "layer-output",
    label: "output of the layer (no unit)",
    own: false,
    reason: "it needs outputs in histograms.parquet",
};

/// The distribution of outputs over tokens and channels, a panel a router.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    distribution::draw(source, &SHOWN)
}
