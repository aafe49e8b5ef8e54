//! What adapters reach, against how much of them a token activates.

use super::canvas::{Canvas, Point};
use super::labels::{self, Obstacles};
use super::legend::{Group, Swatch};
use super::quantity::Quantity;
use super::scale::Scale;
use super::sheet::{Abscissa, Frame, Sheet};
use super::theme::{INK, Look, tint};
use super::{Absent, Figure, Source, notes};
use crate::cells::Cell;

const FILE: &str = "adapters.svg";
const TITLE: &str = "Adapters: validation loss against the parameters that a token activates";
const CAPTION: &str = "Each point is a cell: the mean over its seeds, with the 95 % interval; a line joins the ranks r \
                       of adapters that are alike but for it. R routes a token to some of its adapters, E has one in \
                       each expert, D and S send every token to all of theirs.";
const SHARE_CAPTION: &str = " Abscissa: trainable parameters that one token's forward pass uses, over all that it \
                             uses.";
const PROXY_CAPTION: &str = " Below: the stand-in for that share which the plots of PERFT's code have, (K / N)(r / 16) \
                             for K of N adapters, and r / 16 without a router.";

/// Values of the column `adapter` with what they are called.
const KINDS: [(&str, &str); 6] = [
    ("lora", "LoRA"),
    ("perft-routed", "PERFT-R"),
    ("perft-embedded", "PERFT-E"),
    ("perft-dense", "PERFT-D"),
    ("perft-single", "PERFT-S"),
    ("perft-routed-as-published", "PERFT-R as published"),
];

/// What marks the variants of PERFT in that column.
const PERFT: &str = "perft-";

/// The line of the model as it came.
const NONE: Look = Look {
    color: INK,
    dash: &[6.0, 4.0],
    ..Look::PLAIN
};

/// An axis of a span below this is linear.
const DECADE: f64 = 10.0;

/// Final validation loss against the share of activated parameters, and against the stand-in for it.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let plot = Plot::new(source).ok_or(Absent {
        file: FILE,
        reason: "it needs valid_loss and activated_params_share of adapters of PERFT",
    })?;
    let proxy = if plot.panels.len() > 1 {
        PROXY_CAPTION
    } else {
        ""
    };
    let titles = vec![String::new(); plot.panels.len()];
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: format!("{CAPTION}{SHARE_CAPTION}{proxy}"),
        svg: plot.sheet().draw(&titles, 1, |canvas, frame, index| {
            plot.panel(canvas, frame, &plot.panels[index]);
        }),
    })
}

/// What is drawn in all panels.
struct Plot<'a> {
    loss: Quantity,
    /// What runs from left to right in each panel.
    panels: Vec<Quantity>,
    /// The cells with adapters.
    cells: Vec<&'a Cell>,
    /// The cell without one.
    none: Option<&'a Cell>,
}

impl<'a> Plot<'a> {
    fn new(source: &Source<'a>) -> Option<Self> {
        let loss = Quantity::plain(
            "valid_loss",
            "validation loss after training",
            "nats/token, lower is better",
        );
        let share = Quantity::share(
            "activated_params_share",
            "activated trainable parameters",
            "activated parameters",
        );
        let measured = source.cells.iter().filter(|cell| loss.mean(cell).is_some());
        let (mut cells, mut none) = (Vec::new(), None);
        for &cell in measured {
            match kind(cell) {
                Some(_) if share.mean(cell).is_some() => cells.push(cell),
                None if adapter(cell) == "none" => none = none.or(Some(cell)),
                _ => {}
            }
        }
        let proxy = Quantity::plain("efficiency_proxy", "(K / N)(r / 16)", "no unit");
        let mut panels = vec![share, proxy];
        panels.retain(|panel| cells.iter().any(|cell| panel.mean(cell).is_some()));
        let is_perft = |cell: &&Cell| adapter(cell).starts_with(PERFT);
        cells.iter().any(is_perft).then_some(Self {
            loss,
            panels,
            cells,
            none,
        })
    }

    fn sheet(&self) -> Sheet {
        let mut all = self.cells.clone();
        all.extend(self.none);
        Sheet {
            title: TITLE.to_owned(),
            notes: notes(&all),
            legend: self.legend(),
            y_label: self.loss.label(),
            x: self
                .panels
                .iter()
                .map(|panel| self.abscissa(panel))
                .collect(),
            y: Scale::spanning(self.loss.extent(&all), 6),
            panel_height: 420.0 * self.panels.len() as f64,
        }
    }

    fn legend(&self) -> Vec<Group> {
        let is_there = |place: &usize| self.cells.iter().any(|cell| kind(cell) == Some(*place));
        let places = (0..KINDS.len()).filter(is_there);
        let mut legend = vec![Group {
            title: "adapter".to_owned(),
            swatch: Swatch::Marker,
            entries: places
                .map(|place| (Look::PLAIN.hue(place), KINDS[place].1.to_owned()))
                .collect(),
        }];
        if self.none.is_some() {
            legend.push(Group::line(NONE, "none: the model as it came"));
        }
        legend
    }

    fn abscissa(&self, quantity: &Quantity) -> Abscissa {
        let values: Vec<f64> = quantity.extent(&self.cells).collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = values.iter().copied().fold(0.0, f64::max);
        let scale = if least > 0.0 && greatest >= DECADE * least {
            Scale::logarithmic(values)
        } else {
            Scale::spanning(values, 6)
        };
        Abscissa {
            label: quantity.label(),
            scale,
        }
    }

    fn panel(&self, canvas: &mut Canvas<'_>, frame: &Frame<'_>, x: &Quantity) {
        let (left, top, right, bottom) = frame.edges();
        let mut obstacles = Obstacles::default();
        if let Some(loss) = self.none.and_then(|cell| self.loss.mean(cell)) {
            // The height of a point does not hang on its abscissa.
            let level = frame.at(1.0, loss).1;
            canvas.path(&[(left, level), (right, level)], NONE.color, 1, NONE.dash);
            obstacles.line((left, level), (right, level));
        }
        let mut points: Vec<(&Cell, Look, f64, Point)> = Vec::new();
        for cell in &self.cells {
            if let (Some(place), Some(x), Some(y)) =
                (kind(cell), x.mean(cell), self.loss.mean(cell))
            {
                points.push((cell, Look::PLAIN.hue(place), x, frame.at(x, y)));
            }
        }
        points.sort_by(|a, b| family(a.0).cmp(&family(b.0)).then(a.2.total_cmp(&b.2)));
        for ends in points.windows(2) {
            if family(ends[0].0) == family(ends[1].0) {
                canvas.line(ends[0].3, ends[1].3, tint(ends[0].1.color, 0.5), 1);
            }
        }
        for (cell, look, x, at) in &points {
            if let Some((low, high)) = self.loss.ends(cell) {
                let (from, to) = (frame.at(*x, low), frame.at(*x, high));
                canvas.error_bar(from, to, tint(look.color, 0.6));
                obstacles.line(from, to);
            }
            obstacles.marker(*at);
        }
        for (_, look, _, at) in &points {
            canvas.marker(*at, *look);
        }
        let named = points.iter().map(|(cell, _, _, at)| (*at, detail(cell)));
        let named: Vec<(Point, String)> = named.collect();
        labels::draw(canvas, (left, top, right, bottom), obstacles, &named);
    }
}

/// The column of the cell's adapter.
fn adapter(cell: &Cell) -> &str {
    cell.example.adapter.as_deref().unwrap_or_default()
}

/// The place of the cell's adapter among the kinds.
fn kind(cell: &Cell) -> Option<usize> {
    KINDS
        .iter()
        .position(|(column, _)| *column == adapter(cell))
}

/// The cell's adapter and everything else that sets it apart, but the rank.
fn family(cell: &Cell) -> String {
    let rank = format!("r {}", cell.example.adapter_rank.unwrap_or_default());
    let name = cell.label_of(|_| true);
    format!("{} {}", adapter(cell), name.replacen(&rank, "", 1))
}

/// What the legend leaves open: how many adapters, and their rank.
fn detail(cell: &Cell) -> String {
    let name = cell.label_of(|_| true).replacen(" as published", "", 1);
    let kind = kind(cell).map_or("", |place| KINDS[place].1);
    let kind = kind.trim_end_matches(" as published");
    name.trim_start_matches(kind).trim().to_owned()
}
