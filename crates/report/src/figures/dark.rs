//! The same drawing on dark paper: which colours change, as a style that follows the reader's setting.

use super::theme::{GRID, INK, MUTED, PAPER, Rgb};

/// Colours of text and lines on white, with those on dark paper. The palette's colours serve on both; its ink is the
/// text's. What is written on a coloured ground has a colour of its own and stays.
const CHANGED: [(Rgb, Rgb); 3] = [
    (INK, (0xe6, 0xe9, 0xed)),
    (MUTED, (0xa9, 0xb1, 0xba)),
    (GRID, (0x32, 0x38, 0x40)),
];

/// Dark paper, the page's own.
const DARK: Rgb = (0x16, 0x19, 0x1d);

/// Elements whose white is paper; white text stands on a dark ground.
const OF_PAPER: [&str; 3] = ["rect", "polygon", "circle"];

/// The rules of a drawing or a page that follow the reader's setting.
pub(crate) fn style() -> String {
    let changed = CHANGED.iter().flat_map(|&(from, to)| {
        ["fill", "stroke"]
            .map(|what| format!("svg [{what}=\"{}\"]{{{what}:{}}}", hex(from), hex(to)))
    });
    let paper = OF_PAPER
        .map(|element| format!("svg {element}[fill=\"{}\"]", hex(PAPER)))
        .join(",");
    let rules: String = changed.collect();
    format!(
        "@media (prefers-color-scheme:dark){{{rules}{paper}{{fill:{}}}}}",
        hex(DARK)
    )
}

/// As the backend writes a colour.
fn hex((red, green, blue): Rgb) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{Font, render};
    use super::super::theme::ON_PALE;
    use super::*;

    #[test]
    fn paper_and_ink_change_and_text_on_a_ground_does_not() {
        let style = style();
        assert!(style.starts_with("@media (prefers-color-scheme:dark){"));
        assert!(style.contains("svg [fill=\"#1F242B\"]{fill:#E6E9ED}"));
        assert!(style.contains("svg [stroke=\"#4A525C\"]{stroke:#A9B1BA}"));
        assert!(style.contains("svg rect[fill=\"#FFFFFF\"]") && !style.contains("text"));
        assert!(!style.contains(&hex(ON_PALE)));
    }

    #[test]
    fn the_rules_name_colours_as_the_backend_writes_them() {
        let svg = render((20, 10), "", |canvas| {
            canvas.text((1.0, 5.0), "ink", Font::new(12.0));
        });
        let (_, drawing) = svg.split_once("</style>").unwrap();
        for color in [INK, PAPER] {
            assert!(drawing.contains(&format!("fill=\"{}\"", hex(color))));
        }
        assert!(drawing.contains("<rect "));
    }
}
