//! Tables on stdout.

use crate::visible::visible;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets};

/// The width of a table where there is no terminal to ask.
pub(super) const USUAL_WIDTH: usize = 80;

/// Between two columns.
const GAP: usize = 2;

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table without lines, its width that of its content.
pub(crate) fn plain_table(header: &[(&str, Align)], rows: Vec<Vec<String>>) -> String {
    let mut table = bare();
    table.set_header(header.iter().map(|(name, _)| name.to_uppercase()));
    table.add_rows(rows);
    align(&mut table, header.iter().map(|(_, align)| *align));
    table.trim_fmt()
}

/// A column that may be left out where there is no room.
pub(crate) struct Column {
    pub(super) heading: String,
    pub(super) align: Align,
    pub(super) cells: Vec<String>,
    /// Those with the highest number go first; 0 always stays.
    pub(super) rank: usize,
}

impl Column {
    /// A column of words, which always stays.
    pub(crate) fn words(heading: &str, cells: Vec<String>) -> Self {
        Self {
            heading: heading.to_owned(),
            align: Align::Left,
            cells,
            rank: 0,
        }
    }

    /// A column of numbers, which always stays.
    pub(crate) fn numbers(heading: &str, cells: Vec<String>) -> Self {
        Self {
            align: Align::Right,
            ..Self::words(heading, cells)
        }
    }

    /// Lets the column go where there is no room, those with the highest number first.
    pub(crate) fn rank(self, rank: usize) -> Self {
        Self { rank, ..self }
    }

    fn width(&self) -> usize {
        let words = self.heading.split_inclusive([' ', '-']);
        let words = words.map(|word| word.trim_end().chars().count());
        let lines = self.cells.iter().flat_map(|cell| cell.lines());
        let cells = lines.map(|line| line.chars().count());
        words.chain(cells).max().unwrap_or_default()
    }

    /// The heading in as many lines as the column's width asks for.
    fn folded(&self) -> String {
        let width = self.width();
        let mut lines: Vec<String> = Vec::new();
        for word in self.heading.to_uppercase().split_inclusive([' ', '-']) {
            let fits = |line: &&mut String| {
                (line.chars().count() + word.trim_end().chars().count()) <= width
            };
            match lines.last_mut().filter(fits) {
                Some(line) => line.push_str(word),
                None => lines.push(word.to_owned()),
            }
        }
        let lines: Vec<_> = lines.iter().map(|line| line.trim_end()).collect();
        lines.join("\n")
    }
}

/// A table that fits the terminal, or 80 columns where there is none, and the headings that found no room.
/// `strong` names the row that stands out; its text is for [`styled`](super::styled).
pub(super) fn fitted(columns: Vec<Column>, strong: Option<usize>) -> (String, Vec<String>) {
    let mut table = bare();
    let (columns, left_out) = fit(columns, super::width());
    table.set_header(
        columns
            .iter()
            .map(|column| visible(&column.folded()).into_owned()),
    );
    let height = columns.first().map_or(0, |column| column.cells.len());
    for row in 0..height {
        let bold = strong == Some(row);
        table.add_row(columns.iter().map(|column| {
            // The row's own attributes come after, and are sent as they are.
            let cell = Cell::new(visible(&column.cells[row]));
            if bold {
                cell.add_attribute(Attribute::Bold)
            } else {
                cell
            }
        }));
    }
    align(&mut table, columns.iter().map(|column| column.align));
    (table.trim_fmt(), left_out)
}

/// Leaves out columns until the others fit.
fn fit(mut columns: Vec<Column>, width: usize) -> (Vec<Column>, Vec<String>) {
    let mut left_out = Vec::new();
    loop {
        let total: usize = columns.iter().map(|column| column.width() + GAP).sum();
        let last = (0..columns.len())
            .rev()
            .max_by_key(|&at| (columns[at].rank, at));
        match last.filter(|&at| total > width + GAP && columns[at].rank > 0) {
            Some(at) => left_out.insert(0, columns.remove(at).heading),
            None => return (columns, left_out),
        }
    }
}

/// A value longer than a line on several, broken before the parameters of what it names and between them.
pub(crate) fn folded(value: &str, longest: usize) -> String {
    let mut lines = vec![String::new()];
    for part in value.split_inclusive([' ', '(', '+']) {
        let last = lines.last_mut().expect("there is one");
        let length = last.chars().count() + part.trim_end().chars().count();
        if last.is_empty() || length <= longest {
            last.push_str(part);
        } else {
            // Set in, so that it is not taken for a row of its own.
            lines.push(format!("  {part}"));
        }
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n")
}

fn bare() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn align(table: &mut Table, columns: impl Iterator<Item = Align>) {
    for (column, align) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, GAP as u16));
        column.set_cell_alignment(match align {
            Align::Left => CellAlignment::Left,
            Align::Right => CellAlignment::Right,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(heading: &str, cell: &str, rank: usize) -> Column {
        Column {
            heading: heading.to_owned(),
            align: Align::Left,
            cells: vec![cell.to_owned()],
            rank,
        }
    }

    #[test]
    fn what_finds_no_room_goes_by_its_rank() {
        let columns = || {
            vec![
                column("a", "1234567890", 0),
                column("b", "12345", 2),
                column("c", "12345", 1),
            ]
        };
        // 10 + 2 + 5 + 2 + 5.
        assert_eq!(fit(columns(), 24).0.len(), 3);
        let (kept, left_out) = fit(columns(), 23);
        assert_eq!(
            (kept[1].heading.as_str(), left_out),
            ("c", vec!["b".to_owned()])
        );
        assert_eq!(fit(columns(), 3).1, ["c", "b"]);
    }

    #[test]
    fn a_heading_takes_as_many_lines_as_its_cells_are_narrow() {
        assert_eq!(
            column("capacity-factor", "1.25", 0).folded(),
            "CAPACITY-\nFACTOR"
        );
        assert_eq!(
            column("under training CF", "12.34 ± 0.12", 0).folded(),
            "UNDER\nTRAINING CF"
        );
        assert_eq!(column("n", "3", 0).folded(), "N");
    }

    #[test]
    fn a_long_value_loses_nothing() {
        assert_eq!(folded("top1", 36), "top1");
        let long = "mlp-hadamard(variant=projection hidden=128 init-std=0.02)";
        assert_eq!(
            folded(long, 36),
            "mlp-hadamard(variant=projection\n  hidden=128 init-std=0.02)"
        );
        assert_eq!(folded(&"x".repeat(40), 36), "x".repeat(40));
    }
}
