//! The words typed so far, read as a command line as far as they are one.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::{
    cli::{Cli, Places, Select, Where},
    config::SweepFile,
    jobs::JobKind,
    session::Session,
};

/// What the command at the cursor has so far.
pub(super) struct Typed {
    matches: ArgMatches,
}

impl Typed {
    /// Reads this program's own words: those of the command line stand behind the first `--`.
    pub(super) fn read(own: impl IntoIterator<Item = OsString>) -> Self {
        let words = own.into_iter().skip_while(|word| word != "--").skip(1);
        let command = Cli::command().ignore_errors(true);
        let matches = command.try_get_matches_from(words).unwrap_or_default();
        let matches = match matches.subcommand() {
            Some((_, below)) => below.clone(),
            None => matches,
        };
        Self { matches }
    }

    /// The folder of sweep files.
    pub(super) fn experiments(&self) -> PathBuf {
        self.folder("experiments", "experiments")
    }

    /// The folder of all results.
    pub(super) fn results(&self) -> PathBuf {
        self.folder("results", "results")
    }

    /// The folder of what ran here.
    pub(super) fn work(&self) -> PathBuf {
        self.folder("work", ".xp")
    }

    fn folder(&self, argument: &str, usual: &str) -> PathBuf {
        let named = self.matches.try_get_one::<PathBuf>(argument);
        named.ok().flatten().cloned().unwrap_or(usual.into())
    }

    /// The name or file of the sweep, where there is one.
    pub(super) fn sweep(&self) -> Option<&String> {
        self.matches.try_get_one("sweep").ok().flatten()
    }

    /// The file of the sweep, where it can be read at once: a pipe may never end.
    pub(super) fn file(&self) -> Option<SweepFile> {
        let sweep = self.sweep()?;
        let path = Path::new(sweep);
        if path.exists() && !path.is_file() {
            return None;
        }
        SweepFile::open(sweep, &self.experiments()).ok()
    }

    /// What its trials do, or the usual where that is not known.
    pub(super) fn job(&self) -> JobKind {
        let file = self.file();
        let written = file
            .as_ref()
            .and_then(|file| file.tree.get("job")?.get_ref().as_str());
        written
            .and_then(JobKind::from_name)
            .unwrap_or(JobKind::USUAL)
    }

    /// Where text and results are.
    pub(super) fn places(&self) -> Option<Places> {
        Places::from_arg_matches(&self.matches).ok()
    }

    /// The sweep, opened, where nothing in it is wrong.
    pub(super) fn session(&self) -> Option<Session> {
        self.file()?;
        let text = |name| {
            self.matches
                .try_get_one::<String>(name)
                .ok()
                .flatten()
                .cloned()
        };
        let set = self.matches.try_get_many::<String>("set").ok().flatten();
        let select = Select {
            sweep: self.sweep()?.clone(),
            scale: text("scale"),
            set: set.into_iter().flatten().cloned().collect(),
            experiments: self.experiments(),
        };
        let place = Where {
            device: text("device"),
            places: self.places()?,
        };
        Session::open(&select, &place).ok()
    }
}
