//! What a trial says of its text and its device.

use kernels::Precision;

use super::context::{Event, JobContext};

impl JobContext<'_> {
    /// Tells what is odd about the text.
    pub(super) fn warn(&mut self, warnings: &[String]) {
        for text in warnings {
            let text = format!("warning: {text}");
            (self.events)(Event::Note { text });
        }
        if !warnings.is_empty() {
            self.row.data_warnings = Some(warnings.join("; "));
        }
    }

    /// Fills the column of what matrices multiply in, and tells where that is not what was asked for.
    pub(super) fn multiplies_in(&mut self, wanted: Precision) {
        let precision = wanted.on(&self.device).name();
        if self.row.precision.as_deref() != Some(precision) {
            let text = format!("{} multiplies in {precision}", self.device_name);
            (self.events)(Event::Note { text });
            self.row.precision = Some(precision.to_owned());
        }
    }
}
