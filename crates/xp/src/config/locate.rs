//! Finding and parsing a sweep file.

use std::{
    io,
    path::{Path, PathBuf},
};

use toml::de::DeTable;

use super::{
    include::{Reader, SweepText},
    problem::{ConfigErrors, Problem, Problems},
    reading::{self, toml_files},
    source::{Sources, Tree},
    suggest::closest,
};

/// A sweep file, laid over those that it includes: texts, and a tree in which every key and value knows its
/// place.
#[derive(Debug, Clone)]
pub(crate) struct SweepFile {
    texts: Vec<SweepText>,
    pub(crate) sources: Sources,
    pub(crate) tree: Tree,
}

impl SweepFile {
    /// Reads `name` from the folder of experiments, or the file of that path.
    pub(crate) fn open(name: &str, folder: &Path) -> Result<Self, ConfigErrors> {
        let path = if is_plain(name) {
            folder.join(name).with_extension("toml")
        } else {
            PathBuf::from(name)
        };
        match reading::read(&path) {
            Ok(bytes) => {
                let file = Self::parse(&path, &bytes)?;
                file.check_own_name(&path)?;
                Ok(file)
            }
            Err(error) => Err(unreadable(name, &path, folder, &error)),
        }
    }

    /// Refuses a copy that still has the name of the sweep beside it, whose results it would go over.
    fn check_own_name(&self, path: &Path) -> Result<(), ConfigErrors> {
        let Some((_, name)) = self.tree.iter().find(|(key, _)| key.get_ref() == "name") else {
            return Ok(());
        };
        let Some(text) = name.get_ref().as_str() else {
            return Ok(());
        };
        let beside = path.with_file_name(format!("{text}.toml"));
        let own = path.file_stem().is_some_and(|stem| stem == text);
        if own || !runstore::is_name(text) || name_of(&beside).as_deref() != Some(text) {
            return Ok(());
        }
        let mut problems = Problems::default();
        problems.at(
            name.span(),
            format!("{} is called `{text}` as well", beside.display()),
            "give this sweep a name of its own: it names the results folder",
        );
        problems.finish(&self.sources)
    }

    /// The whole text, and then those of the files that it includes.
    pub(crate) fn texts(&self) -> &[SweepText] {
        &self.texts
    }

    /// Parses the bytes of a file, and reads what it includes.
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::default();
        reader.read(path, bytes);
        let tree = reader.overlaid();
        let Reader {
            sources,
            problems,
            texts,
            ..
        } = reader;
        problems.finish(&sources)?;
        Ok(Self {
            texts,
            sources,
            tree,
        })
    }
}

/// Names of the sweeps in a folder, sorted; the file of claims is none, and neither are those that sweeps are
/// laid over.
pub(crate) fn experiments(folder: &Path) -> Vec<String> {
    let sweeps = toml_files(folder).filter(|path| {
        path.file_name()
            .is_some_and(|name| name != claims::FILE_NAME)
            && !is_base(path)
    });
    let mut names: Vec<_> = sweeps
        .filter_map(|path| path.file_stem()?.to_str().map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// Whether a file is there to be included: a sweep has a name of its own, that of its results folder.
fn is_base(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    DeTable::parse(&text).is_ok_and(|table| !table.get_ref().contains_key("name"))
}

/// The name that a sweep file gives itself.
fn name_of(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let table = DeTable::parse(&text).ok()?;
    table
        .get_ref()
        .get("name")?
        .get_ref()
        .as_str()
        .map(str::to_owned)
}

fn is_plain(name: &str) -> bool {
    !name.contains(['/', '\\']) && Path::new(name).extension().is_none_or(|ext| ext != "toml")
}

fn unreadable(name: &str, path: &Path, folder: &Path, error: &io::Error) -> ConfigErrors {
    let known = experiments(folder);
    let message = if error.kind() == io::ErrorKind::NotFound {
        format!("no sweep `{name}`: there is no file {}", path.display())
    } else {
        format!("cannot read {}: {error}", path.display())
    };
    let help = match (
        error.kind(),
        closest(name, known.iter().map(String::as_str)),
    ) {
        (io::ErrorKind::TimedOut, _) => {
            "have a command write the sweep into it, as in `xp plan <(command)`, or name a file"
                .into()
        }
        (io::ErrorKind::FileTooLarge, _) => "a sweep is a TOML file: name another".into(),
        (_, Some(near)) => format!("did you mean `{near}`?"),
        (_, None) if known.is_empty() => format!(
            "{} holds no sweeps: give the path of a file, or the folder with `--experiments`",
            folder.display()
        ),
        (_, None) => format!("sweeps in {}: {}", folder.display(), known.join(", ")),
    };
    let mut problems = Problems::default();
    problems.add(Problem {
        message,
        places: Vec::new(),
        help: Some(help),
    });
    problems
        .finish(&Sources::default())
        .expect_err("a problem was added")
}
