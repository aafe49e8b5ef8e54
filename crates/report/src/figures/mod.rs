//! The figures of a report, one concept a file.
//!
//! Every figure names its axes with units, its series in a legend, how many seeds stand behind a point and what the
//! bars mean, so that it can be read without the page around it.

mod adapters;
mod agreement;
mod arithmetic;
mod axis;
mod bars;
mod brief;
mod by_axis;
mod canvas;
mod capacity;
mod classes;
mod dark;
mod distribution;
mod dots;
mod drops_by_position;
mod edge;
mod expert_load;
mod flame;
mod four_bits;
mod frontier;
mod gate_entropy;
mod geometry;
mod heat;
mod labels;
mod latency_entropy;
mod layer_outputs;
mod legend;
mod load;
mod names;
mod overlay;
mod quantity;
mod ranking;
mod regimes;
mod router_heat;
mod router_probabilities;
mod routers;
mod scale;
mod scaling;
mod scatter;
mod selection;
mod series;
mod sheet;
mod stretch;
mod theme;
mod token_heat;
mod token_routing;
mod utilisation;
mod validation;
mod width;

use runstore::{Collected, Manifest};

use super::cells::Cell;
use super::headline::Headline;
use super::speeds::Speeds;
pub(crate) use dark::style as dark_style;
pub use flame::flame;
use quantity::Quantity;
#[cfg(test)]
pub(crate) use width::text_width;

/// A figure that was drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The name of its file.
    pub file: &'static str,
    /// What it is about.
    pub title: String,
    /// How to read it.
    pub caption: String,
    /// The drawing.
    pub svg: String,
}

/// A figure for which there were no data, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Absent {
    /// The name that its file would have.
    pub(crate) file: &'static str,
    /// What was missing.
    pub(crate) reason: &'static str,
}

/// What every figure is drawn from.
pub(super) struct Source<'a> {
    /// The tables.
    pub(super) collected: &'a Collected,
    /// The cells that have at least one finished trial.
    pub(super) cells: Vec<&'a Cell>,
    /// How cells are compared.
    pub(super) manifest: &'a Manifest,
    /// What they are ranked by, where they are.
    pub(super) headline: Option<&'static Headline>,
    /// What there is to say of speeds that were measured in turn, where the cells hold those.
    pub(super) in_turn: Option<String>,
}

impl Source<'_> {
    /// How well a cell does: what the sweep ranks by, or perplexity where that is a cost.
    fn quality(&self) -> Quantity {
        let headline = self.headline.filter(|own| own.is_quality());
        headline.map_or_else(Quantity::perplexity, Quantity::of)
    }

    /// How the speeds that the cells hold came about.
    fn speed_note(&self) -> String {
        let trials = "Speeds are those of the trials, beside whatever ran at the same time.";
        self.in_turn.clone().unwrap_or_else(|| trials.to_owned())
    }
}

type Draw = fn(&Source<'_>) -> Result<Figure, Absent>;

/// All figures in the order of the page.
const FIGURES: [Draw; 28] = [
    frontier::draw,
    regimes::draw,
    ranking::ranked,
    ranking::differences,
    by_axis::draw,
    adapters::draw,
    validation::draw,
    overlay::draw,
    arithmetic::draw,
    capacity::drop_rate,
    capacity::tokens_per_s,
    capacity::memory,
    drops_by_position::draw,
    load::draw,
    gate_entropy::draw,
    expert_load::draw,
    selection::draw,
    classes::draw,
    agreement::draw,
    token_heat::draw,
    token_routing::draw,
    scaling::draw,
    latency_entropy::draw,
    router_heat::draw,
    router_probabilities::draw,
    layer_outputs::draw,
    utilisation::draw,
    four_bits::draw,
];

/// Draws every figure for which there are data, and says of the others what was missing.
pub(crate) fn draw_all(
    collected: &Collected,
    cells: &[Cell],
    manifest: &Manifest,
) -> (Vec<Figure>, Vec<Absent>) {
    let headline = Headline::of(cells, manifest.measure.as_deref());
    let speeds = Speeds::of(collected, cells);
    let instead = speeds.as_ref().and_then(|speeds| speeds.instead(cells));
    let in_turn = speeds.filter(|_| instead.is_some());
    let cells = instead.as_deref().unwrap_or(cells);
    let source = Source {
        collected,
        headline,
        manifest,
        cells: cells.iter().filter(|cell| !cell.done.is_empty()).collect(),
        in_turn: in_turn.map(|speeds| speeds.note()),
    };
    let (mut drawn, mut absent) = (Vec::new(), Vec::new());
    for draw in FIGURES {
        match draw(&source) {
            Ok(figure) => drawn.push(figure),
            Err(reason) => absent.push(reason),
        }
    }
    (drawn, absent)
}

/// The files of all figures, in the order of the page.
pub fn figure_files() -> Vec<&'static str> {
    let nothing = Source {
        collected: &Collected::default(),
        cells: Vec::new(),
        manifest: &Manifest::default(),
        headline: None,
        in_turn: None,
    };
    let file = |draw: &Draw| draw(&nothing).map_or_else(|absent| absent.file, |figure| figure.file);
    FIGURES.iter().map(file).collect()
}

/// The line that a model has to beat.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    perplexity: f64,
    order: f64,
}

/// The best n-gram model, where all cells agree on one.
fn common_line(cells: &[&Cell]) -> Option<Line> {
    let of = |cell: &Cell| {
        Some(Line {
            perplexity: cell.mean("ngram_perplexity")?,
            order: cell.mean("ngram_order")?,
        })
    };
    let first = of(cells.first()?)?;
    let agrees =
        |cell: &&Cell| of(cell).is_some_and(|own| (own.perplexity - first.perplexity).abs() < 1e-6);
    cells.iter().all(agrees).then_some(first)
}

/// The sweep, the machine, and what a point and its bars are.
fn notes(cells: &[&Cell]) -> Vec<String> {
    let Some(first) = cells.first() else {
        return Vec::new();
    };
    let least = cells.iter().map(|cell| cell.done.len()).min().unwrap_or(0);
    let count = seeds(cells);
    let meaning = if count == "1" {
        "one seed a point, so no intervals".to_owned()
    } else {
        let few = if least < metrics::statistics::ENOUGH_SAMPLES {
            " (too few seeds for a firm one)"
        } else {
            ""
        };
        format!("mean over {count} seeds, bars: 95 % interval{few}")
    };
    vec![format!("{}; {meaning}.", setup(first))]
}

/// The sweep and the machine.
fn setup(cell: &Cell) -> String {
    let row = &cell.example;
    let device = row.device_name.as_ref().map_or_else(
        || row.device.clone(),
        |name| format!("{} ({name})", row.device),
    );
    format!("Sweep {}, scale {}, device {device}", row.sweep, row.scale)
}

/// How many seeds stand behind a point: `3`, `2 to 3`.
fn seeds(cells: &[&Cell]) -> String {
    let seeds = cells.iter().map(|cell| cell.done.len());
    let (least, most) = (seeds.clone().min().unwrap_or(0), seeds.max().unwrap_or(0));
    if least == most {
        format!("{most}")
    } else {
        format!("{least} to {most}")
    }
}
