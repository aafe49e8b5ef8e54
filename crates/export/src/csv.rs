//! Tables as comma-separated values.

use runstore::tables::{CELLS, CellTable, EachTable, Row, TrialRow, Value};
use runstore::{Collected, Error};

use crate::File;

/// A file for each table that has rows, that of the trials in any case, and that of the cells.
///
/// # Panics
///
/// Never: memory takes all that is written to it.
pub fn files(collected: &Collected, cells: &CellTable) -> Vec<File> {
    let mut tables = Tables(Vec::new());
    collected.each(&mut tables).expect("memory takes it all");
    let (names, columns): (Vec<String>, Vec<Vec<Value>>) = cells.columns().into_iter().unzip();
    let row = |at: usize| columns.iter().map(|column| column[at].clone()).collect();
    let rows = (0..cells.rows.len()).map(row);
    tables.0.push(table(CELLS, names, rows));
    tables.0
}

struct Tables(Vec<File>);

impl EachTable for Tables {
    fn table<R: Row>(&mut self, rows: &[R]) -> Result<(), Error> {
        if !rows.is_empty() || R::SCHEMA.name == TrialRow::SCHEMA.name {
            let columns = R::SCHEMA.columns.iter();
            let names = columns.map(|column| column.name.to_owned()).collect();
            let mut rows: Vec<&R> = rows.iter().collect();
            rows.sort_by(|a, b| a.key_order(b));
            let rows = rows.into_iter().map(Row::values);
            self.0.push(table(R::SCHEMA.name, names, rows));
        }
        Ok(())
    }
}

fn table(name: &str, names: Vec<String>, rows: impl Iterator<Item = Vec<Value>>) -> File {
    let mut lines = Lines::default();
    lines.add(&names);
    for row in rows {
        lines.add(&row.iter().map(field).collect::<Vec<String>>());
    }
    (format!("{name}.csv"), lines.bytes)
}

/// Lines that grow in memory; `csv-core` knows when a field wants quotes.
#[derive(Default)]
struct Lines {
    writer: csv_core::Writer,
    bytes: Vec<u8>,
}

impl Lines {
    fn add(&mut self, fields: &[String]) {
        for (at, field) in fields.iter().enumerate() {
            if at > 0 {
                self.put(0, |writer, room| writer.delimiter(room).1);
            }
            self.put(field.len(), |writer, room| {
                writer.field(field.as_bytes(), room).2
            });
        }
        self.put(0, |writer, room| writer.terminator(room).1);
    }

    /// Has the writer write into room enough for a field in which every character is a quote, and a sign besides.
    fn put(
        &mut self,
        length: usize,
        write: impl FnOnce(&mut csv_core::Writer, &mut [u8]) -> usize,
    ) {
        let start = self.bytes.len();
        self.bytes.resize(start + 2 * length + 4, 0);
        let written = write(&mut self.writer, &mut self.bytes[start..]);
        self.bytes.truncate(start + written);
    }
}

fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        // Shorter than `Display` where a number is very small, and as exact.
        Value::F64(number) => format!("{number:?}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use runstore::tables::{CellRow, StepRow, TrialStatus};

    use super::*;

    #[test]
    fn a_table_is_a_file_with_its_columns_and_nulls_are_empty() {
        let trial = TrialRow {
            trial_id: "ab".to_owned(),
            status: TrialStatus::Done,
            error: Some("no \"room\", none".to_owned()),
            ..TrialRow::default()
        };
        let step = |step, loss| StepRow {
            trial_id: "ab".to_owned(),
            step,
            loss_lm: loss,
            ..StepRow::default()
        };
        let collected = Collected {
            trials: vec![trial],
            steps: vec![step(20, None), step(10, Some(1e-9))],
            ..Collected::default()
        };
        let cells = CellTable {
            axes: vec!["strategy".to_owned()],
            rows: vec![CellRow {
                cell_id: "c".to_owned(),
                cell: "hash, CF 1".to_owned(),
                done: 1,
                values: vec![Value::Text("hash".to_owned())],
            }],
        };
        let files = files(&collected, &cells);
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["trials.csv", "steps.csv", "cells.csv"]);
        let text = |at: usize| String::from_utf8(files[at].1.clone()).unwrap();
        assert!(text(0).starts_with("trial_id,sweep,scale,"));
        assert!(text(0).contains("\"no \"\"room\"\", none\""), "{}", text(0));
        let steps = text(1);
        let mut lines = steps.lines().skip(1);
        assert!(lines.next().unwrap().starts_with("ab,10,0,,,1e-9,"));
        assert!(lines.next().unwrap().starts_with("ab,20,0,,,,"));
        assert_eq!(
            text(2),
            "cell_id,cell,done,axis_strategy\nc,\"hash, CF 1\",1,hash\n"
        );
    }
}
