//! What a router costs against how decided it is.

use super::canvas::{Align, Canvas, Font, Point};
use super::labels::{self, Obstacles};
use super::legend::{Group, Swatch};
use super::routers::router_name;
use super::scale::Scale;
use super::sheet::{Abscissa, Frame, Sheet};
use super::theme::{Look, MUTED, SMALL};
use super::{Absent, Figure, Source, seeds, setup};
use crate::cells::Cell;

const FILE: &str = "latency_entropy.svg";
const TITLE: &str = "Time of the router against its entropy";
const CAPTION: &str = "The router by itself: scores, choice and gates of all T tokens at once, without its experts. \
                       Entropy is the mean over tokens of that of the probabilities over all E; ln E is undecided. \
                       Routers that score nothing have none, and stand in the band below the axis. The abscissa is \
                       logarithmic.";
/// Routers that colour and marker tell apart; more of them are told by how the marker is filled.
const COLOURS: usize = 7;
const FILLS: usize = 3;

const TIME: &str = "router_ms_median";

/// Router time against router entropy, a panel for each batch size and input scale.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let cells: Vec<&Cell> = source
        .cells
        .iter()
        .copied()
        .filter(|cell| cell.mean(TIME).is_some())
        .collect();
    let Some(first) = cells.first() else {
        return Err(Absent {
            file: FILE,
            reason: "it needs router_ms_median",
        });
    };
    let mut names: Vec<String> = Vec::new();
    for name in cells.iter().map(|cell| router_name(cell)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let look = |name: &str| {
        let index = names.iter().position(|own| own == name).unwrap_or(0);
        Look::PLAIN
            .hue(index % COLOURS)
            .variant(index / COLOURS, FILLS)
    };
    let panels = panels(&cells);
    let entropies = cells.iter().filter_map(|cell| entropy(cell));
    let has_band = cells.iter().any(|cell| entropy(cell).is_none());
    let sheet = Sheet {
        title: TITLE.to_owned(),
        notes: vec![format!("{}; {}.", setup(first), meaning(&cells))],
        legend: vec![Group {
            title: "router".to_owned(),
            swatch: Swatch::Marker,
            entries: names
                .iter()
                .map(|name| (look(name), name.clone()))
                .collect(),
        }],
        y_label: "router entropy (nats)".to_owned(),
        x: panels.iter().map(|(_, cells)| abscissa(cells)).collect(),
        y: ordinate(entropies, has_band),
        panel_height: 560.0,
    };
    let titles: Vec<String> = panels.iter().map(|(title, _)| title.clone()).collect();
    let svg = sheet.draw(&titles, 2, |canvas, frame, index| {
        if has_band {
            band(canvas, frame);
        }
        let height = |cell: &Cell| entropy(cell).unwrap_or_else(|| frame.low() / 2.0);
        let points = panels[index].1.iter().filter_map(|cell| {
            let at = frame.at(cell.mean(TIME)?, height(cell));
            Some((*cell, at, look(&router_name(cell))))
        });
        let points: Vec<_> = points.collect();
        let mut obstacles = Obstacles::default();
        for (cell, _, look) in &points {
            if let Some((low, high)) = spread(cell) {
                let (from, to) = (frame.at(low, height(cell)), frame.at(high, height(cell)));
                canvas.error_bar(from, to, look.color);
                obstacles.line(from, to);
            }
        }
        let mut named: Vec<(Point, String)> = Vec::new();
        for (cell, at, look) in points {
            canvas.marker(at, look);
            obstacles.marker(at);
            named.push((at, router_name(cell)));
        }
        labels::draw(canvas, frame.edges(), obstacles, &named);
    });
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: CAPTION.to_owned(),
        svg,
    })
}

fn meaning(cells: &[&Cell]) -> String {
    let over = match seeds(cells).as_str() {
        "1" => "median of a trial's runs".to_owned(),
        count => format!("mean over {count} seeds of the median of a trial's runs"),
    };
    format!("{over}; bars: 10th to 90th percentile")
}

/// The cells of each batch size and input scale, the smallest batch and the largest scale first.
fn panels<'a>(cells: &[&'a Cell]) -> Vec<(String, Vec<&'a Cell>)> {
    let key = |cell: &Cell| {
        (
            cell.example.tokens.unwrap_or(0),
            cell.example.input_scale.unwrap_or(1.0),
        )
    };
    let mut keys: Vec<(u64, f64)> = cells.iter().map(|cell| key(cell)).collect();
    keys.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    keys.dedup();
    let panel = |wanted: (u64, f64)| {
        let own = cells.iter().copied().filter(|cell| key(cell) == wanted);
        let title = format!("T = {}, input scale {:?}", wanted.0, wanted.1);
        (title, own.collect())
    };
    keys.into_iter().map(panel).collect()
}

fn abscissa(cells: &[&Cell]) -> Abscissa {
    let times = cells.iter().flat_map(|cell| {
        let (low, high) = spread(cell).unzip();
        [cell.mean(TIME), low, high].into_iter().flatten()
    });
    Abscissa {
        label: "time of the router (ms)".to_owned(),
        scale: Scale::logarithmic(times),
    }
}

fn entropy(cell: &Cell) -> Option<f64> {
    cell.mean("router_entropy")
}

/// From 0 up, with room below for the band of those that have no entropy.
fn ordinate(entropies: impl Iterator<Item = f64>, has_band: bool) -> Scale {
    let scale = Scale::around(entropies.chain([0.0]), 4);
    if has_band {
        scale.with_room_below(0.16)
    } else {
        scale
    }
}

/// The band below 0, with what it holds.
fn band(canvas: &mut Canvas<'_>, frame: &Frame<'_>) {
    let (left, _, right, bottom) = frame.edges();
    let top = frame.at(1.0, 0.0).1;
    canvas.veil(
        &[(left, top), (right, top), (right, bottom), (left, bottom)],
        MUTED,
        0.08,
    );
    let font = Font::new(SMALL).color(MUTED).align(Align::Right);
    canvas.text(
        (right - 4.0, bottom - 10.0),
        "scores nothing: no entropy",
        font,
    );
}

/// The ends of the bars.
fn spread(cell: &Cell) -> Option<(f64, f64)> {
    Some((cell.mean("router_ms_p10")?, cell.mean("router_ms_p90")?))
}
