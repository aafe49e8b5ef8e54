//! Rectangles and straight lines: what lies on what.

use super::canvas::Point;

/// Left, top, right and bottom.
pub(super) type Area = (f64, f64, f64, f64);

/// Whether two areas have a place in common, their edges apart.
pub(super) fn overlap(a: Area, b: Area) -> bool {
    a.0 < b.2 && b.0 < a.2 && a.1 < b.3 && b.1 < a.3
}

/// Whether the point lies in the area.
pub(super) fn contains(area: Area, at: Point) -> bool {
    (area.0..=area.2).contains(&at.0) && (area.1..=area.3).contains(&at.1)
}

/// The place of the area that is nearest to a point.
pub(super) fn nearest(area: Area, at: Point) -> Point {
    (at.0.clamp(area.0, area.2), at.1.clamp(area.1, area.3))
}

/// How far two points are apart.
pub(super) fn distance(a: Point, b: Point) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

/// Whether two pieces of line have a point in common; those that only touch in an end have none.
pub(super) fn segments_cross(a: Point, b: Point, c: Point, d: Point) -> bool {
    let side = |p: Point, q: Point, r: Point| (q.0 - p.0) * (r.1 - p.1) - (q.1 - p.1) * (r.0 - p.0);
    side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0
}

/// Whether a piece of line enters the area.
pub(super) fn crosses_area(from: Point, to: Point, area: Area) -> bool {
    let inside = |at: Point| at.0 > area.0 && at.0 < area.2 && at.1 > area.1 && at.1 < area.3;
    let (left_top, right_top) = ((area.0, area.1), (area.2, area.1));
    let (left_bottom, right_bottom) = ((area.0, area.3), (area.2, area.3));
    inside(from)
        || inside(to)
        || segments_cross(from, to, left_top, right_bottom)
        || segments_cross(from, to, right_top, left_bottom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_cross_where_each_has_the_other_on_both_sides() {
        let cross = |c, d| segments_cross((0.0, 0.0), (10.0, 10.0), c, d);
        assert!(cross((0.0, 10.0), (10.0, 0.0)));
        assert!(!cross((0.0, 10.0), (4.0, 6.0)));
        assert!(!cross((10.0, 10.0), (20.0, 0.0)), "they touch");
    }

    #[test]
    fn a_line_enters_an_area_through_it_or_with_an_end() {
        let area = (10.0, 10.0, 20.0, 20.0);
        assert!(crosses_area((0.0, 15.0), (30.0, 16.0), area));
        assert!(crosses_area((0.0, 0.0), (12.0, 12.0), area));
        assert!(!crosses_area((0.0, 0.0), (30.0, 5.0), area));
        assert!(contains(area, (20.0, 10.0)) && !contains(area, (21.0, 10.0)));
        assert_eq!(nearest(area, (0.0, 15.0)), (10.0, 15.0));
    }
}
