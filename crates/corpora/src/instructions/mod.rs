//! Instructions with their answers: the records, the templates that they are read in, and the questions of a test.

mod options;
mod questions;
mod record;
mod task;
mod template;

pub use questions::{
    Question, QuestionSettings, Questions, ensure_questions, load_questions, question_digests,
};
pub use record::Instruction;
pub(crate) use record::read_instructions;
pub use task::Task;
pub use template::Template;
