//! Everything that is written to the terminal, and the logs.
//!
//! Results go to stdout, everything else to stderr, so that a command can be piped. A closed pipe
//! is not an error: whoever reads has read enough.

mod axes;
mod bars;
mod cells;
mod command;
#[cfg(feature = "tui")]
mod dashboard;
mod errors;
mod lines;
mod log;
mod screen;
pub(crate) mod sides;
mod tables;
mod watch;

use std::{
    io::{self, IsTerminal, Write},
    sync::OnceLock,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

pub(crate) use cells::cells;
pub(crate) use command::{program_anywhere, this_command};
pub(crate) use errors::{error_text, show_error};
pub(crate) use lines::event_text;
pub(crate) use log::{log_to_file, log_to_stderr, warn_on_stderr};
pub(crate) use tables::{Align, Column, folded, plain_table};
pub(crate) use watch::{Counts, Running, Scene, has_screen, page, watch};

use crate::{
    exit::{Exit, Expected},
    runner::Watcher,
    visible::visible,
};

/// What kept a result from being written to stdout.
static UNWRITTEN: OnceLock<io::Error> = OnceLock::new();

/// Writes a result to stdout.
pub(crate) fn data(text: &str) {
    let text = visible(text);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    written(text.as_bytes(), end.as_bytes());
}

/// Writes a table whose cells were made visible one by one, with the attributes of a row.
fn styled(table: &str) {
    written(table.as_bytes(), b"\n");
}

fn written(text: &[u8], end: &[u8]) {
    let mut out = io::stdout().lock();
    let written = out
        .write_all(text)
        .and_then(|()| out.write_all(end))
        .and_then(|()| out.flush());
    // A closed pipe ends the reading, not the run.
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        // The first is told; it says why the others were not written either.
        let _ = UNWRITTEN.set(error);
    }
}

/// Writes a table to stdout that fits the terminal, and says on stderr which columns found no room.
pub(crate) fn table(columns: Vec<Column>) {
    let (table, left_out) = tables::fitted(columns, None);
    styled(&table);
    if !left_out.is_empty() {
        say(&format!("not shown: {}", left_out.join(", ")));
    }
}

/// Writes a part of a result to stdout, as it grows.
pub(crate) fn piece(text: &str) {
    written(visible(text).as_bytes(), b"");
}

/// What kept a result from reaching whoever reads stdout, if anything did.
pub(crate) fn unwritten() -> Option<&'static io::Error> {
    UNWRITTEN.get()
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
    say_as_is(&visible(text));
}

/// Says what to do, naming this program as it was called.
pub(crate) fn advise(text: &str) {
    say(&command::as_called(text));
}

/// Says something that has colours of its own.
fn say_as_is(text: &str) {
    let mut out = io::stderr().lock();
    let _ = writeln!(out, "{text}");
}

/// Shows the trials of a sweep: bars on a terminal, a line for each finished trial elsewhere; where asked for,
/// the dashboard.
pub(crate) fn watcher(total: usize, before: usize, tui: bool) -> Box<dyn Watcher> {
    #[cfg(feature = "tui")]
    if tui {
        return Box::new(dashboard::Dashboard::new(total, before));
    }
    debug_assert!(!tui, "a dashboard was checked for");
    if io::stderr().is_terminal() {
        Box::new(bars::Bars::new(total, before))
    } else {
        Box::new(lines::Lines::new(total, before))
    }
}

/// Refuses a dashboard that cannot be shown.
pub(crate) fn check_tui(tui: bool) -> Result<(), Expected> {
    let (problem, remedy) = if !tui {
        return Ok(());
    } else if cfg!(not(feature = "tui")) {
        (
            "--tui: this program was built without its dashboard",
            "build it with `cargo build --release -p xp --features tui`",
        )
    } else if !io::stdout().is_terminal() {
        (
            "--tui: stdout is no terminal",
            "run it in a terminal, or without --tui",
        )
    } else {
        return Ok(());
    };
    Err(Expected::new(Exit::Usage, problem.to_owned(), remedy))
}

/// A bar for bytes that are fetched or written, of as many as are known of.
pub(crate) fn bytes_bar(total: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    bar.with_style(style.expect("the template is a constant"))
}

/// A bar for so many things that are done one after another.
pub(crate) fn count_bar(total: usize, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{prefix} {pos}/{len} {wide_bar} {eta}");
    bar.with_style(style.expect("the template is a constant"))
        .with_prefix(what)
}

/// Columns of the terminal; where there is none, what `COLUMNS` says, or what is usual.
fn width() -> usize {
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    let terminal = comfy_table::Table::new().width().map(usize::from);
    let width = terminal.or_else(said).filter(|&width| width > 0);
    width.unwrap_or(tables::USUAL_WIDTH)
}

/// Whether stderr may be coloured.
fn colour() -> bool {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !no_colour && io::stderr().is_terminal()
}
