//! The events of a TensorBoard run: the messages `Event` and `Summary` of TensorFlow, and the settings of a session
//! as the page of hyperparameters reads them.
//!
//! Sources: tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto and
//! tensorboard/plugins/hparams/plugin_data.proto; the numbers are those of the fields there.

use crate::record;
use crate::wire::Message;

/// What the first event of a file says.
const VERSION: &str = "brain.Event:2";

/// The page that reads settings, and the tags under which it looks.
const HYPERPARAMETERS: &str = "hparams";
const START: &str = "_hparams_/session_start_info";
const END: &str = "_hparams_/session_end_info";

/// A setting.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Setting {
    /// A number.
    Number(f64),
    /// A word.
    Text(String),
    /// A switch.
    Switch(bool),
}

/// A file of events that grows.
#[derive(Debug)]
pub(crate) struct Events(Vec<u8>);

impl Events {
    /// A file whose first event is at this time, in seconds since 1970.
    pub(crate) fn new(time: f64) -> Self {
        let mut events = Self(Vec::new());
        events.add(&Message::default().double(1, time).text(3, VERSION));
        events
    }

    /// Adds the scalars of a step by tag.
    pub(crate) fn scalars(&mut self, time: f64, step: u64, values: &[(String, f64)]) {
        let summary = values
            .iter()
            .fold(Message::default(), |summary, (tag, value)| {
                let value = Message::default().text(1, tag).float(2, *value as f32);
                summary.message(1, &value)
            });
        self.summary(time, step, &summary);
    }

    /// Adds the settings of the run under names; `group` is what runs that differ in the seed alone share.
    pub(crate) fn settings(&mut self, start: f64, group: &str, settings: &[(String, Setting)]) {
        let info = settings
            .iter()
            .fold(Message::default(), |info, (name, value)| {
                let value = match value {
                    Setting::Number(number) => Message::default().double(2, *number),
                    Setting::Text(text) => Message::default().text(3, text),
                    Setting::Switch(on) => Message::default().whole(4, u64::from(*on)),
                };
                info.message(1, &Message::default().text(1, name).message(2, &value))
            });
        let info = info.text(4, group).double(5, start);
        self.of_hyperparameters(start, START, &Message::default().message(3, &info));
    }

    /// Adds that the run came to its end, or did not.
    pub(crate) fn end(&mut self, time: f64, is_done: bool) {
        let status = if is_done { 1 } else { 2 };
        let info = Message::default().whole(1, status).double(2, time);
        self.of_hyperparameters(time, END, &Message::default().message(4, &info));
    }

    /// The file.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn of_hyperparameters(&mut self, time: f64, tag: &str, content: &Message) {
        let plugin = Message::default().text(1, HYPERPARAMETERS);
        let plugin = plugin.bytes(2, content.as_bytes());
        let metadata = Message::default().message(1, &plugin);
        let value = Message::default().text(1, tag).message(9, &metadata);
        self.summary(time, 0, &Message::default().message(1, &value));
    }

    fn summary(&mut self, time: f64, step: u64, summary: &Message) {
        let event = Message::default().double(1, time).whole(2, step);
        self.add(&event.message(5, summary));
    }

    fn add(&mut self, event: &Message) {
        record::append(&mut self.0, event.as_bytes());
    }
}
