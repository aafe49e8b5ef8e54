//! Everything that is written to the terminal, and the logs.
//!
//! Results go to stdout, everything else to stderr, so that a command can be piped. A closed pipe
//! is not an error: whoever reads has read enough.

mod bars;
mod errors;
mod lines;
mod log;
mod tables;

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

pub(crate) use errors::{error_text, show_error};
pub(crate) use lines::event_text;
pub(crate) use log::{log_to_file, log_to_stderr};
pub(crate) use tables::{Align, cells, plain_table};

use crate::{publish::Published, runner::Watcher};

/// Writes a result to stdout.
pub(crate) fn data(text: &str) {
    let mut out = io::stdout().lock();
    // A closed pipe ends the reading, not the run.
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
    let _ = out.flush();
}

/// Writes a result as indented JSON to stdout.
pub(crate) fn json(value: &impl Serialize) {
    data(&serde_json::to_string_pretty(value).expect("own types have text keys"));
}

/// Writes a result as one line of JSON to stdout.
pub(crate) fn json_line(value: &impl Serialize) {
    data(&serde_json::to_string(value).expect("own types have text keys"));
}

/// Says something on stderr.
pub(crate) fn say(text: &str) {
    let mut out = io::stderr().lock();
    let _ = writeln!(out, "{text}");
}

/// Says where the results of a sweep are.
pub(crate) fn places(published: &Published) {
    let folder = &published.folder;
    let mut text = format!("tables:  {}\n", folder.join("*.parquet").display());
    if published.report.is_some() {
        text.push_str(&format!("figures: {}\n", folder.join("figures").display()));
    }
    if let Some(report) = &published.report {
        text.push_str(&format!("report:  {}\n", report.display()));
    }
    data(&text);
}

/// Shows the trials of a sweep: bars on a terminal, a line for each finished trial elsewhere.
pub(crate) fn watcher(total: usize, before: usize) -> Box<dyn Watcher> {
    if io::stderr().is_terminal() {
        Box::new(bars::Bars::new(total, before))
    } else {
        Box::new(lines::Lines::new(total, before))
    }
}

/// A bar for a download.
pub(crate) fn fetch_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    bar.with_style(style.expect("the template is a constant"))
}

/// Whether stderr may be coloured.
fn colour() -> bool {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !no_colour && io::stderr().is_terminal()
}
