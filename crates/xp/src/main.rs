//! `xp`: from a TOML file to trials, tables, figures and a report.
//!
//! A command line is parsed (`cli`), the sweep it names becomes a list of trials (`config`,
//! `session`), and a command (`commands`) looks at them or has the `runner` run them, each in a
//! process of its own that does its `jobs`. Only `ui` writes to the terminal: results to stdout,
//! everything else to stderr.

// CubeCL's kernel types nest deeply.
#![recursion_limit = "256"]

mod asked;
mod built;
mod cli;
mod commands;
mod completion;
mod config;
mod device;
mod exit;
mod found;
mod index;
mod inline;
mod jobs;
mod language;
mod ledger;
mod live;
mod median;
mod memory;
mod pick;
mod preflight;
mod publish;
mod recorded;
mod row;
mod runner;
mod schema;
mod session;
mod signals;
mod sources;
mod states;
mod submit;
mod sweep_schema;
mod ui;
mod visible;

use std::{panic, process::ExitCode};

use clap::Parser;
use kernels::LargeBlocks;
use mimalloc::MiMalloc;

/// Tensors come and go by the megabyte at every step, in the same sizes.
#[global_allocator]
static ALLOCATOR: LargeBlocks<MiMalloc> = LargeBlocks::new(MiMalloc, 2 << 30);

fn main() -> ExitCode {
    if let Some(code) = completion::answer() {
        return code;
    }
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return answered(&error),
    };
    let exit = match panic::catch_unwind(|| commands::run(cli)) {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => {
            ui::show_error(&error);
            error.exit()
        }
        // The panic has been reported where it happened.
        Err(_) => {
            ui::say("this is a bug in xp; RUST_BACKTRACE=1 shows where it happened");
            exit::Exit::Bug
        }
    };
    ExitCode::from(told(exit).code())
}

/// Prints a mistake, or the help that was asked for.
fn answered(error: &clap::Error) -> ExitCode {
    let exit = match error.print() {
        _ if error.use_stderr() => exit::Exit::Usage,
        Ok(()) => exit::Exit::Done,
        // A closed pipe ends the reading, not the run.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => exit::Exit::Done,
        Err(error) => {
            ui::say(&format!("error: write to standard output: {error}"));
            exit::Exit::Store
        }
    };
    ExitCode::from(exit.code())
}

/// A result that nobody could read is none.
fn told(exit: exit::Exit) -> exit::Exit {
    match ui::unwritten() {
        Some(error) if exit == exit::Exit::Done => {
            ui::say(&format!("error: write to standard output: {error}"));
            exit::Exit::Store
        }
        _ => exit,
    }
}
