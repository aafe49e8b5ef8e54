//! How much each expert of a router is used.

use runstore::tables::ExpertRow;

use super::bars::{Bars, draw_bars};
use super::legend::Swatch;
use super::routers::{COLUMNS, RouterCells, legend, look, note, routers, rows_of, scales};
use super::scale::Scale;
use super::sheet::{Abscissa, Sheet};
use super::theme::INK;
use super::{Absent, Figure, Source};
use crate::cells::Cell;

const FILE: &str = "utilisation.svg";
const TITLE: &str = "Utilisation of each expert";
const CAPTION: &str = "Assignments to each expert over the mean of all: 1 is a fair share, 0 is an expert that no token \
                       is sent to. Nothing is trained here, so that this is the balance a router begins with.";

/// Bars of the load of each expert relative to a fair share, a panel a router, a colour an input scale.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let routers = routers(source);
    let scales = scales(&routers);
    let rows = &source.collected.experts;
    let bars = |router: &RouterCells<'_>| -> Vec<Bars> {
        let all = router.cells.iter().map(|(scale, cell)| Bars {
            look: look(&scales, *scale),
            values: utilisation(cell, rows),
        });
        all.filter(|bars| !bars.values.is_empty()).collect()
    };
    let panels: Vec<(&RouterCells<'_>, Vec<Bars>)> = routers
        .iter()
        .map(|router| (router, bars(router)))
        .filter(|(_, bars)| !bars.is_empty())
        .collect();
    let Some((first, _)) = panels.first() else {
        return Err(Absent {
            file: FILE,
            reason: "it needs router trials with rows in experts.parquet",
        });
    };
    let all = || panels.iter().flat_map(|(_, bars)| bars);
    let experts = all().map(|bars| bars.values.len()).max().unwrap_or(1);
    let last = (experts - 1) as f64;
    // About eight numbers fit below a panel.
    let ticks = (0..experts)
        .step_by(experts.div_ceil(8))
        .map(|expert| expert as f64);
    let sheet = Sheet {
        title: TITLE.to_owned(),
        notes: vec![note(first.cells[0].1)],
        legend: legend(&scales, Swatch::Bar),
        y_label: "load relative to a fair share (no unit)".to_owned(),
        x: vec![Abscissa {
            label: "expert (number)".to_owned(),
            scale: Scale::spanning([-0.5, last + 0.5], 4).with_ticks(ticks.collect()),
        }],
        y: Scale::around(
            all()
                .flat_map(|bars| bars.values.iter().copied())
                .chain([0.0, 1.0]),
            4,
        ),
        panel_height: 340.0,
    };
    let titles: Vec<String> = panels
        .iter()
        .map(|(router, _)| router.name.clone())
        .collect();
    let svg = sheet.draw(&titles, COLUMNS, |canvas, frame, index| {
        draw_bars(canvas, frame, &panels[index].1);
        let (left, _, right, _) = frame.edges();
        let fair = frame.at(0.0, 1.0).1;
        canvas.path(&[(left, fair), (right, fair)], INK, 1, &[5.0, 4.0]);
    });
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: CAPTION.to_owned(),
        svg,
    })
}

fn utilisation(cell: &Cell, rows: &[ExpertRow]) -> Vec<f64> {
    let own = rows_of(cell, rows, |row| &row.trial_id);
    let counts: Vec<f64> = own
        .iter()
        .map(|row| row.assignments_before as f64)
        .collect();
    metrics::load::utilisation(&counts).unwrap_or_default()
}
