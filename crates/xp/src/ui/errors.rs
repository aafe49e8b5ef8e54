//! Errors as people read them: the place in the file, what is wrong, what to do.

use std::fmt::Write;

use miette::{GraphicalReportHandler, GraphicalTheme};

use super::{colour, say};
use crate::exit::Expected;

/// Shows an error on stderr.
pub(crate) fn show_error(error: &Expected) {
    say(render(error, colour()).trim_end());
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
