//! Errors as people read them: the place in the file, what is wrong, what to do.

use std::fmt::Write;

use miette::{GraphicalReportHandler, GraphicalTheme};

use super::{colour, command::as_called, say, say_as_is};
use crate::exit::Expected;

/// Shows an error on stderr.
pub(crate) fn show_error(error: &Expected) {
    let colour = colour();
    let text = render(error, colour);
    let text = as_called(text.trim_end());
    if colour { say_as_is(&text) } else { say(&text) }
}

/// An error as text without colour.
pub(crate) fn error_text(error: &Expected) -> String {
    render(error, false)
}

fn render(error: &Expected, colour: bool) -> String {
    let mut text = String::new();
    match error {
        Expected::Config(errors) => {
            let theme = if colour {
                GraphicalTheme::unicode()
            } else {
                GraphicalTheme::unicode_nocolor()
            };
            let handler = GraphicalReportHandler::new_themed(theme).with_width(100);
            for error in &errors.errors {
                // Only writing to the string could fail, and that cannot.
                let _ = handler.render_report(&mut text, error);
            }
        }
        Expected::Child { text: said, .. } => text.push_str(said),
        Expected::Other { message, help, .. } => {
            let _ = write!(text, "error: {message}\n  help: {help}\n");
        }
        other => {
            let _ = writeln!(text, "error: {other}");
        }
    }
    text
}
