//! Labels beside points that lie neither on points nor on each other.

use super::canvas::{Align, Canvas, Font, Point};
use super::theme::{INK, MUTED, PAPER, SMALL};
use super::width::text_width;

const HEIGHT: f64 = 15.0;

/// Left, top, right and bottom.
pub(super) type Area = (f64, f64, f64, f64);

/// Directions in which a label is tried, nearest first.
const DIRECTIONS: [Point; 8] = [
    (1.0, 0.0),
    (-1.0, 0.0),
    (0.0, -1.0),
    (0.0, 1.0),
    (1.0, -1.0),
    (-1.0, -1.0),
    (1.0, 1.0),
    (-1.0, 1.0),
];

/// What labels keep off: markers and labels always, lines where there is room elsewhere.
#[derive(Debug, Default)]
pub(super) struct Obstacles {
    markers: Vec<Area>,
    lines: Vec<Area>,
}

impl Obstacles {
    /// A marker at a point.
    pub(super) fn marker(&mut self, at: Point) {
        self.markers
            .push((at.0 - 8.0, at.1 - 8.0, at.0 + 8.0, at.1 + 8.0));
    }

    /// A level or upright line.
    pub(super) fn line(&mut self, from: Point, to: Point) {
        let (left, right) = (from.0.min(to.0), from.0.max(to.0));
        let (top, bottom) = (from.1.min(to.1), from.1.max(to.1));
        self.lines
            .push((left - 2.0, top - 2.0, right + 2.0, bottom + 2.0));
    }

    /// Text or anything else that fills its area.
    pub(super) fn area(&mut self, area: Area) {
        self.markers.push(area);
    }
}

/// Writes each text near its point inside `bounds`, away from what is drawn. What finds no room near gets a thin line
/// to its point; what finds none at all is left to the legend.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    bounds: Area,
    mut obstacles: Obstacles,
    texts: &[(Point, String)],
) {
    for (at, text) in texts {
        let all: Vec<Area> = obstacles
            .markers
            .iter()
            .chain(&obstacles.lines)
            .copied()
            .collect();
        let found = free_area(*at, text, bounds, &all)
            .or_else(|| free_area(*at, text, bounds, &obstacles.markers));
        let Some((area, distance)) = found else {
            continue;
        };
        if distance > 24.0 {
            let end = (at.0.clamp(area.0, area.2), at.1.clamp(area.1, area.3));
            canvas.line(*at, end, MUTED, 1);
        }
        // Grid lines, and lines that could not be avoided, fade behind the text.
        let corners = [
            (area.0, area.1),
            (area.2, area.1),
            (area.2, area.3),
            (area.0, area.3),
        ];
        canvas.veil(&corners, PAPER, 0.8);
        let middle = (f64::midpoint(area.0, area.2), f64::midpoint(area.1, area.3));
        canvas.text(
            middle,
            text,
            Font::new(SMALL).color(INK).align(Align::Centre),
        );
        obstacles.area(area);
    }
}

fn free_area(at: Point, text: &str, bounds: Area, taken: &[Area]) -> Option<(Area, f64)> {
    let (width, height) = (text_width(text, SMALL), HEIGHT);
    for distance in [11.0, 14.0, 24.0, 36.0, 50.0, 66.0, 90.0] {
        for (x, y) in DIRECTIONS {
            let left = at.0 + x * distance - width * (1.0 - x) / 2.0;
            let top = at.1 + y * distance - height * (1.0 - y) / 2.0;
            let area = (left, top, left + width, top + height);
            let inside = area.0 >= bounds.0
                && area.1 >= bounds.1
                && area.2 <= bounds.2
                && area.3 <= bounds.3;
            if inside && !taken.iter().any(|other| overlap(area, *other)) {
                return Some((area, distance));
            }
        }
    }
    None
}

fn overlap(a: Area, b: Area) -> bool {
    a.0 < b.2 && b.0 < a.2 && a.1 < b.3 && b.1 < a.3
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Area = (0.0, 0.0, 400.0, 200.0);

    #[test]
    fn a_label_keeps_off_what_is_there() {
        let mut taken: Vec<Area> = vec![(42.0, 42.0, 58.0, 58.0)];
        for _ in 0..6 {
            let (area, _) = free_area((50.0, 50.0), "top1, CF 1.25", BOUNDS, &taken).unwrap();
            assert!(taken.iter().all(|other| !overlap(area, *other)));
            taken.push(area);
        }
    }

    #[test]
    fn a_label_stays_on_the_plot() {
        let (area, _) = free_area((398.0, 2.0), "expert-choice", BOUNDS, &[]).unwrap();
        assert!(area.2 <= 400.0 && area.1 >= 0.0);
        assert_eq!(
            free_area(
                (5.0, 5.0),
                "far too wide to fit",
                (0.0, 0.0, 10.0, 10.0),
                &[]
            ),
            None
        );
    }
}
