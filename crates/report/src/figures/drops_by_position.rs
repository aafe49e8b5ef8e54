//! Whose assignments capacity drops: by the token's place in its sequence.

use std::collections::BTreeMap;

use metrics::MeanInterval;
use runstore::tables::TokenRow;

use super::canvas::Point;
use super::labels::{self, Obstacles};
use super::legend::Swatch;
use super::names::short_names;
use super::scale::Scale;
use super::scatter::MOST_LABELS;
use super::series::Encoding;
use super::sheet::{Abscissa, Sheet};
use super::{Absent, Figure, Source, notes};
use crate::cells::Cell;

const FILE: &str = "drops_by_position.svg";
const TITLE: &str = "Dropped assignments by place in the sequence";
const CAPTION: &str = "Of the sampled routing decisions of the validation text, those that the capacity of training \
                       drops, by the token's place in its window, in equal parts of the window: the mean over layers \
                       and seeds with its 95 % interval over seeds. A policy that keeps who comes first drops at the \
                       end; one that keeps the likeliest drops anywhere.";

/// Up to this many cells without a drop are named.
const MOST_NAMED: usize = 20;

/// Parts that a window is cut into.
const PARTS: u64 = 8;

/// Dropped share by part of the window, in per cent; `None` where nothing was sampled.
type Profile = Vec<Option<MeanInterval>>;

/// Share of sampled assignments dropped over the place in the sequence, a line a cell that drops any.
pub(super) fn draw(source: &Source<'_>) -> Result<Figure, Absent> {
    let tokens = &source.collected.tokens;
    let last = tokens.iter().map(|row| row.position).max().unwrap_or(0);
    let mut by_trial: BTreeMap<&str, Vec<&TokenRow>> = BTreeMap::new();
    for row in tokens {
        by_trial.entry(&row.trial_id).or_default().push(row);
    }
    for own in by_trial.values_mut() {
        let last = own.iter().map(|row| row.step).max();
        own.retain(|row| Some(row.step) == last);
    }
    let profiles = source.cells.iter().filter(|cell| !cell.is_dense());
    let profiles = profiles.map(|cell| (*cell, profile(cell, &by_trial, last + 1)));
    let sampled = profiles.filter(|(_, own)| own.iter().any(Option::is_some));
    let drops = |own: &Profile| own.iter().flatten().any(|share| share.mean > 0.0);
    let (dropping, whole): (Vec<_>, Vec<_>) = sampled.partition(|(_, own)| drops(own));
    if dropping.is_empty() || last < PARTS {
        return Err(Absent {
            file: FILE,
            reason: "it needs assignments in tokens.parquet that were not kept",
        });
    }
    let cells: Vec<&Cell> = dropping.iter().map(|(cell, _)| *cell).collect();
    let encoding = Encoding::points(&source.cells);
    let mut notes = notes(&cells);
    let whole: Vec<&Cell> = whole.iter().map(|(cell, _)| *cell).collect();
    match whole.len() {
        0 => {}
        count if count > MOST_NAMED => {
            notes.push(format!("{count} more cells: no sampled drop."));
        }
        _ => notes.push(format!(
            "No sampled drop: {}.",
            short_names(&whole).join("; ")
        )),
    }
    let part = (last + 1) as f64 / PARTS as f64;
    let middle = |place: usize| (place as f64 + 0.5) * part;
    let ticks = (0..=PARTS).map(|place| place as f64 * part);
    let ends = dropping
        .iter()
        .flat_map(|(_, own)| own.iter().flatten())
        .flat_map(|share| [share.low().max(0.0), share.high(), share.mean]);
    let sheet = Sheet {
        title: TITLE.to_owned(),
        notes,
        legend: encoding.legend(Swatch::LineAndMarker, &cells),
        y_label: "dropped assignments (% of those sampled)".to_owned(),
        x: vec![Abscissa {
            label: "place in the sequence (tokens before it)".to_owned(),
            scale: Scale::spanning([0.0, (last + 1) as f64], 8).with_ticks(ticks.collect()),
        }],
        y: Scale::around(ends.chain([0.0]), 5),
        panel_height: 400.0,
    };
    let svg = sheet.draw(&[String::new()], 1, |canvas, frame, _| {
        let count = dropping.len() as f64;
        let mut obstacles = Obstacles::default();
        let mut ends: Vec<Point> = Vec::new();
        for (index, (cell, own)) in dropping.iter().enumerate() {
            let look = encoding.look(cell);
            let aside = (index as f64 - (count - 1.0) / 2.0) * (30.0 / count).min(5.0);
            let at = |place: usize, share: f64| {
                let (x, y) = frame.at(middle(place), share);
                (x + aside, y)
            };
            let there = own.iter().enumerate();
            let there = there.filter_map(|(place, share)| Some((place, share.as_ref()?)));
            let there: Vec<(usize, &MeanInterval)> = there.collect();
            let line = there.iter().map(|(place, share)| at(*place, share.mean));
            canvas.path(&line.collect::<Vec<Point>>(), look.color, 1, look.dash);
            ends.extend(there.last().map(|(place, share)| at(*place, share.mean)));
            for (place, share) in there {
                obstacles.marker(at(place, share.mean));
                if share.half_width.is_some_and(|half| half > 0.0) {
                    let (low, high) = (share.low().max(0.0), share.high());
                    canvas.error_bar(at(place, low), at(place, high), look.color);
                }
                canvas.marker(at(place, share.mean), look);
            }
        }
        if cells.len() <= MOST_LABELS {
            let named: Vec<(Point, String)> = ends.into_iter().zip(short_names(&cells)).collect();
            labels::draw(canvas, frame.edges(), obstacles, &named);
        }
    });
    Ok(Figure {
        file: FILE,
        title: TITLE.to_owned(),
        caption: CAPTION.to_owned(),
        svg,
    })
}

fn profile(cell: &Cell, rows: &BTreeMap<&str, Vec<&TokenRow>>, length: u64) -> Profile {
    let seeds: Vec<Vec<Option<f64>>> = cell
        .done
        .iter()
        .filter_map(|(_, id)| Some(shares(rows.get(id.as_str())?, length)))
        .collect();
    let part = |place: usize| {
        let values: Vec<f64> = seeds.iter().filter_map(|seed| seed[place]).collect();
        MeanInterval::of(&values)
    };
    (0..PARTS as usize).map(part).collect()
}

/// Dropped share of a trial's assignments by part of the window, in per cent.
fn shares(rows: &[&TokenRow], length: u64) -> Vec<Option<f64>> {
    let mut counts = [(0_u64, 0_u64); PARTS as usize];
    for row in rows {
        let (dropped, all) = &mut counts[(row.position * PARTS / length) as usize];
        *dropped += u64::from(!row.kept);
        *all += 1;
    }
    let share = |(dropped, all): (u64, u64)| (all > 0).then(|| 100.0 * dropped as f64 / all as f64);
    counts.map(share).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_counted_by_part_of_the_window() {
        let row = |position, kept| TokenRow {
            position,
            kept,
            ..TokenRow::default()
        };
        // Sixteen places in eight parts: 0 and 1, 2 and 3, ..., 14 and 15.
        let rows = [
            row(0, true),
            row(1, true),
            row(14, true),
            row(15, false),
            row(15, false),
        ];
        let shares = shares(&rows.iter().collect::<Vec<_>>(), 16);
        assert_eq!(shares[0], Some(0.0));
        assert_eq!(shares[1], None);
        assert!((shares[7].unwrap() - 200.0 / 3.0).abs() < 1e-9);
    }
}
