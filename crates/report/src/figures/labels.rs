//! Labels beside points: on nothing that is drawn, each nearest to its own point or joined to it by a line, and no such
//! line across another.

use super::canvas::{Align, Canvas, Font, Point};
use super::geometry::{Area, contains, crosses_area, distance, nearest, overlap, segments_cross};
use super::theme::{INK, MUTED, PAPER, SMALL};
use super::width::text_width;

const HEIGHT: f64 = 15.0;

/// Half of the room that a marker takes.
const MARKER_ROOM: f64 = 8.0;

/// A label without a line is nearer to its own marker than to any other by so much, if they are far enough apart.
const NEARER: f64 = 5.0;

/// Farther labels than this have a line to their point.
const WITHOUT_LEADER: f64 = 16.0;

/// How often the order in which labels choose is changed, where some find no place.
const ROUNDS: usize = 6;

/// A line below a label is as bad as this many more pixels to its point.
const LINE_COST: f64 = 22.0;

/// Distances between a point and its label, in the order in which they are tried.
const DISTANCES: [f64; 13] = [
    11.0, 14.0, 20.0, 28.0, 38.0, 50.0, 64.0, 80.0, 98.0, 118.0, 140.0, 170.0, 205.0,
];

/// Directions in which a label is tried, best first.
const DIRECTIONS: [Point; 24] = [
    (1.0, 0.0),
    (-1.0, 0.0),
    (0.0, -1.0),
    (0.0, 1.0),
    (1.0, -1.0),
    (-1.0, -1.0),
    (1.0, 1.0),
    (-1.0, 1.0),
    (1.0, -0.5),
    (-1.0, -0.5),
    (1.0, 0.5),
    (-1.0, 0.5),
    (0.5, -1.0),
    (-0.5, -1.0),
    (0.5, 1.0),
    (-0.5, 1.0),
    (1.0, -0.25),
    (-1.0, -0.25),
    (1.0, 0.25),
    (-1.0, 0.25),
    (1.0, -0.75),
    (-1.0, -0.75),
    (1.0, 0.75),
    (-1.0, 0.75),
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
        let room = MARKER_ROOM;
        self.markers
            .push((at.0 - room, at.1 - room, at.0 + room, at.1 + room));
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

/// Where a label stands, and from where to where its line goes, if it has one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Placed {
    area: Area,
    leader: Option<(Point, Point)>,
}

/// Writes each text near its point inside `bounds`. What finds no place is left to the legend.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    bounds: Area,
    obstacles: Obstacles,
    texts: &[(Point, String)],
) {
    let placed = place(bounds, &obstacles, texts);
    // Lines first, so that no label is crossed by the end of its own.
    for (from, to) in placed.iter().flatten().filter_map(|own| own.leader) {
        canvas.line(from, to, MUTED, 1);
    }
    for ((_, text), own) in texts.iter().zip(&placed) {
        let Some(Placed { area, .. }) = own else {
            continue;
        };
        // Grid lines, and lines that could not be avoided, fade behind the text.
        let corners = [
            (area.0, area.1),
            (area.2, area.1),
            (area.2, area.3),
            (area.0, area.3),
        ];
        canvas.veil(&corners, PAPER, 0.8);
        let middle = (f64::midpoint(area.0, area.2), f64::midpoint(area.1, area.3));
        let font = Font::new(SMALL).color(INK).align(Align::Centre);
        canvas.text(middle, text, font);
    }
}

/// The places of all labels, in the order of the texts; those of points in a crowd are chosen first.
fn place(bounds: Area, obstacles: &Obstacles, texts: &[(Point, String)]) -> Vec<Option<Placed>> {
    let crowd = |at: Point| {
        let near = texts
            .iter()
            .filter(|(other, _)| distance(at, *other) < 90.0);
        near.count()
    };
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(crowd(texts[index].0)));
    let mut placed = place_in(&order, bounds, obstacles, texts);
    for _ in 0..ROUNDS {
        if placed.iter().all(Option::is_some) {
            break;
        }
        // What found no place chooses first.
        order.sort_by_key(|&index| placed[index].is_some());
        let again = place_in(&order, bounds, obstacles, texts);
        let missing = |placed: &[Option<Placed>]| placed.iter().filter(|own| own.is_none()).count();
        if missing(&again) >= missing(&placed) {
            break;
        }
        placed = again;
    }
    placed
}

fn place_in(
    order: &[usize],
    bounds: Area,
    obstacles: &Obstacles,
    texts: &[(Point, String)],
) -> Vec<Option<Placed>> {
    let mut placed: Vec<Option<Placed>> = vec![None; texts.len()];
    for &index in order {
        let (at, text) = &texts[index];
        let others: Vec<Placed> = placed.iter().flatten().copied().collect();
        placed[index] = best((*at, text), texts, bounds, obstacles, &others);
    }
    placed
}

/// The cheapest place of one label that keeps off everything.
fn best(
    (at, text): (Point, &str),
    texts: &[(Point, String)],
    bounds: Area,
    obstacles: &Obstacles,
    others: &[Placed],
) -> Option<Placed> {
    let width = text_width(text, SMALL);
    let mut found: Option<(f64, Placed)> = None;
    for away in DISTANCES {
        for (rank, (x, y)) in DIRECTIONS.into_iter().enumerate() {
            let left = at.0 + x * away - width * (1.0 - x) / 2.0;
            let top = at.1 + y * away - HEIGHT * (1.0 - y) / 2.0;
            let area = (left, top, left + width, top + HEIGHT);
            let Some(own) = candidate((at, texts), area, away, bounds, obstacles, others) else {
                continue;
            };
            let below = obstacles.lines.iter().filter(|line| overlap(area, **line));
            let cost = away + LINE_COST * below.count() as f64 + 0.1 * rank as f64;
            if found.is_none_or(|(least, _)| cost < least) {
                found = Some((cost, own));
            }
        }
    }
    found.map(|(_, own)| own)
}

/// The label in this area, if it may stand there.
fn candidate(
    (at, texts): (Point, &[(Point, String)]),
    area: Area,
    away: f64,
    bounds: Area,
    obstacles: &Obstacles,
    others: &[Placed],
) -> Option<Placed> {
    let inside =
        area.0 >= bounds.0 && area.1 >= bounds.1 && area.2 <= bounds.2 && area.3 <= bounds.3;
    let is_free = |other: &Area| !overlap(area, *other);
    if !inside || !obstacles.markers.iter().all(is_free) {
        return None;
    }
    let off = |other: &Placed| {
        let line = other.leader.is_some_and(|(a, b)| crosses_area(a, b, area));
        is_free(&other.area) && !line
    };
    if !others.iter().all(off) {
        return None;
    }
    let strangers = || {
        obstacles
            .markers
            .iter()
            .filter(|other| !contains(**other, at))
    };
    if away <= WITHOUT_LEADER {
        // Without a line the nearest marker must be its own.
        let to = |other: &Area| {
            let middle = (
                f64::midpoint(other.0, other.2),
                f64::midpoint(other.1, other.3),
            );
            distance(nearest(area, middle), middle)
        };
        let own = distance(nearest(area, at), at);
        let is_marker = |other: &&Area| other.2 - other.0 <= 2.0 * MARKER_ROOM;
        let clear = strangers()
            .filter(is_marker)
            .all(|other| to(other) > own + NEARER);
        // Also of markers that lie on its own.
        let is_own = |other: Point| {
            let apart = distance(at, other);
            apart == 0.0 || distance(nearest(area, other), other) > own + NEARER.min(apart / 2.0)
        };
        let clear = clear && texts.iter().all(|(other, _)| is_own(*other));
        return clear.then_some(Placed { area, leader: None });
    }
    let end = nearest(area, at);
    let crosses = |other: &Placed| {
        let line = other
            .leader
            .is_some_and(|(a, b)| segments_cross(a, b, at, end));
        line || crosses_area(at, end, other.area)
    };
    let free = strangers().all(|other| !crosses_area(at, end, *other));
    (free && !others.iter().any(crosses)).then_some(Placed {
        area,
        leader: Some((at, end)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Area = (0.0, 0.0, 800.0, 500.0);

    /// Sixteen points in a small part of the plot.
    fn crowd() -> (Obstacles, Vec<(Point, String)>) {
        let mut obstacles = Obstacles::default();
        let points = (0..16).map(|index| {
            let (row, column) = (f64::from(index / 4), f64::from(index % 4));
            let at = (300.0 + 57.0 * column + 14.0 * row, 180.0 + 40.0 * row);
            (at, format!("number {index}"))
        });
        let texts: Vec<(Point, String)> = points.collect();
        for (at, _) in &texts {
            obstacles.marker(*at);
        }
        (obstacles, texts)
    }

    #[test]
    fn labels_of_a_crowd_lie_on_nothing_and_no_line_crosses_another() {
        let (obstacles, texts) = crowd();
        let placed = place(BOUNDS, &obstacles, &texts);
        let placed: Vec<Placed> = placed.into_iter().map(Option::unwrap).collect();
        for (index, own) in placed.iter().enumerate() {
            assert!(
                obstacles
                    .markers
                    .iter()
                    .all(|marker| !overlap(own.area, *marker))
            );
            for other in &placed[..index] {
                assert!(!overlap(own.area, other.area));
                if let (Some((a, b)), Some((c, d))) = (own.leader, other.leader) {
                    assert!(!segments_cross(a, b, c, d), "{index}");
                }
            }
        }
    }

    #[test]
    fn a_label_without_a_line_is_nearest_to_its_own_point() {
        let (obstacles, texts) = crowd();
        let placed = place(BOUNDS, &obstacles, &texts);
        for ((at, _), own) in texts.iter().zip(placed) {
            let own = own.unwrap();
            if own.leader.is_none() {
                let to = |point: Point| distance(nearest(own.area, point), point);
                let others = texts.iter().filter(|(other, _)| other != at);
                assert!(
                    others
                        .map(|(other, _)| to(*other))
                        .all(|other| other > to(*at))
                );
            }
        }
    }

    #[test]
    fn a_label_stays_on_the_plot() {
        let corner = [((798.0, 2.0), "expert-choice".to_owned())];
        let placed = place(BOUNDS, &Obstacles::default(), &corner);
        let area = placed[0].unwrap().area;
        assert!(area.2 <= 800.0 && area.1 >= 0.0);
        let small = (0.0, 0.0, 10.0, 10.0);
        let wide = [((5.0, 5.0), "far too wide to fit".to_owned())];
        assert_eq!(place(small, &Obstacles::default(), &wide), [None]);
    }
}
