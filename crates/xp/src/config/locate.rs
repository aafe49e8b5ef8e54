//! Finding and parsing a sweep file.

use std::{
    io,
    path::{Path, PathBuf},
};

use toml::de::DeTable;

use super::{
    problem::{ConfigErrors, Problem, Problems},
    reading,
    source::{Sources, Tree},
    suggest::closest,
};

/// A sweep file as text and as a tree in which every key and value knows its place.
#[derive(Debug, Clone)]
pub(crate) struct SweepFile {
    text: &'static str,
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
            Ok(bytes) => Self::parse(&path, &bytes),
            Err(error) => Err(unreadable(name, &path, folder, &error)),
        }
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &'static str {
        self.text
    }

    /// Parses the bytes of a file.
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, ConfigErrors> {
        let mut sources = Sources::default();
        let mut problems = Problems::default();
        let text = String::from_utf8_lossy(bytes);
        let (_, text) = sources.add(path.display().to_string(), &text);
        if let Err(error) = std::str::from_utf8(bytes) {
            let at = error.valid_up_to();
            // The lossy text holds a replacement character of three bytes at this offset.
            problems.at(
                at..at + 3,
                format!("not UTF-8: byte {:#04x} at offset {at}", bytes[at]),
                "save the file as UTF-8",
            );
        }
        let mut tree = Tree::new();
        if problems.is_empty() {
            match DeTable::parse(text) {
                Ok(table) => tree = table.into_inner(),
                Err(error) => problems.add(syntax(&error)),
            }
        }
        problems.finish(&sources)?;
        Ok(Self {
            text,
            sources,
            tree,
        })
    }
}

fn syntax(error: &toml::de::Error) -> Problem {
    let message = error.message().trim_end().to_owned();
    let help = if message.contains("duplicate key") {
        "keep one of the two"
    } else {
        "the file is TOML: https://toml.io"
    };
    Problem {
        message,
        places: vec![(error.span().unwrap_or(0..0), "here".into())],
        help: Some(help.into()),
    }
}

/// Names of the sweeps in a folder, sorted; the file of claims is none.
pub(crate) fn experiments(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let toml = path.extension()?.to_str()? == "toml" && path.is_file();
            let is_sweep = toml && path.file_name()? != claims::FILE_NAME;
            is_sweep.then(|| path.file_stem()?.to_str().map(str::to_owned))?
        })
        .collect();
    names.sort();
    names
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
