//! Completion in a shell: what the word at the cursor can become.
//!
//! A shell asks `xp` itself, with `COMPLETE` set and the words typed so far behind `--`, so that it is
//! told of today's sweep files, settings, trials and data. Which argument takes which candidates is
//! said here once, by the argument's name; the command line (`cli`) knows nothing of it.

mod bash;
mod data;
mod models;
mod results;
mod settings;
mod sweeps;
mod trials;
mod typed;

use std::{ffi::OsStr, path::Path, process::ExitCode};

use clap::{Command, CommandFactory};
use clap_complete::{
    ArgValueCompleter, CompleteEnv, CompletionCandidate, Shell,
    engine::ValueCompleter,
    env::{Elvish, Fish, Powershell, Shells, Zsh},
};

use crate::cli::Cli;
use typed::Typed;

/// The variable by which a shell asks.
const ASKED_BY: &str = "COMPLETE";

const SHELLS: Shells<'static> = Shells(&[&bash::Bash, &Elvish, &Fish, &Powershell, &Zsh]);

/// Where a shell asks for completions, answers it and gives the exit code.
pub(crate) fn answer() -> Option<ExitCode> {
    let shell = std::env::var_os(ASKED_BY).unwrap_or_default();
    let asked = CompleteEnv::with_factory(|| completed(Cli::command()))
        .var(ASKED_BY)
        .shells(SHELLS)
        .try_complete(std::env::args_os(), std::env::current_dir().ok().as_deref());
    let known = || {
        let name = Path::new(&shell).file_stem().and_then(OsStr::to_str);
        name.is_some_and(|name| SHELLS.completer(name).is_some())
    };
    match asked {
        Ok(false) => None,
        Ok(true) => Some(ExitCode::SUCCESS),
        // No word to complete among those that there are, which is no mistake of who types.
        Err(_) if known() => Some(ExitCode::SUCCESS),
        Err(error) => Some(crate::answered(&error)),
    }
}

/// What a shell reads so that it asks `program`.
pub(crate) fn script(shell: Shell, program: &str) -> String {
    let shell = shell.to_string();
    let completer = SHELLS.completer(&shell).expect("every shell has one");
    let mut script = Vec::new();
    completer
        .write_registration(ASKED_BY, "xp", "xp", program, &mut script)
        .expect("writing to memory");
    String::from_utf8_lossy(&script).into_owned()
}

/// A command and those below it, with the candidates of their arguments.
fn completed(command: Command) -> Command {
    let of_sweep = command
        .get_arguments()
        .any(|argument| argument.get_id() == "sweep");
    let named = command.get_name().to_owned();
    // There a device is part of a folder's name.
    let of_results = ["diff", "compare", "export", "claims"].contains(&named.as_str());
    command
        .mut_args(|argument| {
            let candidates: fn(&Typed, &str) -> Vec<CompletionCandidate> =
                match (argument.get_id().as_str(), named.as_str()) {
                    ("sweep", _) => {
                        let names = of(sweeps::names);
                        let both = move |current: &OsStr| {
                            let mut found = names.complete(current);
                            found.extend(sweeps::files(current));
                            found.retain(is_plain);
                            found
                        };
                        return argument.add(ArgValueCompleter::new(both));
                    }
                    ("folders", _) => {
                        let plain = |current: &OsStr| {
                            let mut found = results::folders(current);
                            found.retain(is_plain);
                            found
                        };
                        return argument.add(ArgValueCompleter::new(plain));
                    }
                    ("scale", "list" | "diff" | "compare" | "export") => sweeps::scales,
                    ("scale", _) if of_sweep => sweeps::scales,
                    ("a" | "b", "diff") => results::sides_or_trials,
                    ("a" | "b", _) | ("from", "export") => results::sides,
                    ("measure", "compare") => results::measures,
                    ("set", _) => settings::settings,
                    ("only" | "skip", _) if of_sweep => trials::picks,
                    ("id", "show") => trials::recorded,
                    ("id", _) => trials::ids,
                    ("names", _) => data::names,
                    ("model", "generate" | "eval" | "qwen") => models::models,
                    ("init", "eval") => models::inits,
                    ("shared_gate", "eval") => models::shared_gates,
                    ("device", _) if !of_results => data::devices,
                    _ => return argument,
                };
            argument.add(ArgValueCompleter::new(of(candidates)))
        })
        .mut_subcommands(completed)
}

/// A completer that keeps the candidates that go on from the word at the cursor.
fn of(candidates: fn(&Typed, &str) -> Vec<CompletionCandidate>) -> impl ValueCompleter {
    move |current: &OsStr| {
        let Some(current) = current.to_str() else {
            return Vec::new();
        };
        let typed = Typed::read(std::env::args_os());
        let mut found = candidates(&typed, current);
        found.retain(|candidate| {
            let value = candidate.get_value().to_str();
            is_plain(candidate) && value.is_some_and(|value| value.starts_with(current))
        });
        found
    }
}

/// Whether a terminal can show it as it is.
fn is_plain(candidate: &CompletionCandidate) -> bool {
    let value = candidate.get_value().to_str();
    value.is_some_and(|value| !value.contains(char::is_control))
}

/// A candidate with a line about it.
fn candidate(value: impl Into<String>, about: impl Into<String>) -> CompletionCandidate {
    let about: String = about.into();
    let help = (!about.is_empty()).then(|| about.into());
    CompletionCandidate::new(value.into()).help(help)
}
