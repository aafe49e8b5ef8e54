//! Bash, which takes `=` and `:` for the ends of words.

use std::{
    ffi::OsString,
    io::{self, Write},
    path::Path,
};

use clap::Command;
use clap_complete::env::{self, EnvCompleter};

/// Bash with words put together again before `xp` is asked, so that `--set strategy=` is completed.
pub(super) struct Bash;

/// With `XP` for the program, as a word of a shell.
const SCRIPT: &str = include_str!("xp.bash");

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        env::Bash.name()
    }

    fn is(&self, name: &str) -> bool {
        env::Bash.is(name)
    }

    fn write_registration(
        &self,
        var: &str,
        _name: &str,
        _bin: &str,
        completer: &str,
        buf: &mut dyn Write,
    ) -> io::Result<()> {
        let program = shlex::try_quote(completer).map_err(io::Error::other)?;
        let script = SCRIPT.replace("VARIABLE", var).replace("PROGRAM", &program);
        buf.write_all(script.as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut Command,
        words: Vec<OsString>,
        folder: Option<&Path>,
        buf: &mut dyn Write,
    ) -> io::Result<()> {
        env::Bash.write_complete(command, words, folder, buf)
    }
}
