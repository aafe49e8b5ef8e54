//! `include = "base.toml"`: the files of the same folder that a sweep file is laid over.
//!
//! A base may include others itself. Each file is laid once, at its first mention; of several the later one
//! is laid over the earlier, and the file that includes them over all.

use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::{
    problem::{Problem, Problems},
    reading,
    source::{Sources, Span, Tree, shift_table},
    suggest::closest,
    tree,
};
use crate::jobs::JobKind;

const HELP: &str = "write `include = \"base.toml\"`, or a list of such names";

/// Files that one sweep may be made of; more are a slip.
const MOST_FILES: usize = 32;

/// One of the files that a sweep is made of.
#[derive(Debug, Clone)]
pub(crate) struct SweepText {
    /// Its name in the folder.
    pub(crate) name: String,
    /// What it says.
    pub(crate) text: &'static str,
}

/// A sweep file while it is read, with the files that it includes.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) sources: Sources,
    pub(super) problems: Problems,
    /// In the order in which they were met: the sweep file is the first.
    pub(super) texts: Vec<SweepText>,
    /// The lowest first.
    layers: Vec<Tree>,
    /// Files that are being read: each includes the next.
    open: Vec<String>,
}

impl Reader {
    /// Reads a file whose bytes are these, and what it includes.
    pub(super) fn read(&mut self, path: &Path, bytes: &[u8]) {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        self.open.push(name.unwrap_or_default());
        if let Some(mut tree) = self.parse(path, bytes) {
            let bases = self.bases(&mut tree);
            if let [(_, span), ..] = &bases[..]
                && self.open.len() == 1
                && !tree.contains_key("name")
            {
                self.problems.at(
                    span.clone(),
                    "a sweep that includes others needs a `name` of its own",
                    "add `name = \"...\"`: it names the results folder, which is not that of what is included",
                );
            }
            for (base, span) in bases {
                self.include(&path.with_file_name(&base), base, span);
            }
            self.layers.push(tree);
        }
        self.open.pop();
    }

    /// All files as one tree.
    pub(super) fn overlaid(&mut self) -> Tree {
        let job = self.layers.iter().rev().find_map(|layer| {
            let job = layer.get("job")?.get_ref().as_str()?;
            JobKind::from_name(job)
        });
        let families = job.map_or(&[][..], JobKind::families);
        let mut tree = Tree::new();
        for layer in std::mem::take(&mut self.layers) {
            tree::overlay(&mut tree, layer, families);
        }
        tree
    }

    fn parse(&mut self, path: &Path, bytes: &[u8]) -> Option<Tree> {
        let text = String::from_utf8_lossy(bytes);
        let (start, text) = self.sources.add(path.display().to_string(), &text);
        let name = self.open.last().cloned().unwrap_or_default();
        self.texts.push(SweepText { name, text });
        if let Err(error) = std::str::from_utf8(bytes) {
            let at = error.valid_up_to();
            // The lossy text holds a replacement character of three bytes at this offset.
            self.problems.at(
                start + at..start + at + 3,
                format!("not UTF-8: byte {:#04x} at offset {at}", bytes[at]),
                "save the file as UTF-8",
            );
            return None;
        }
        match DeTable::parse(text) {
            Ok(table) => Some(shift_table(table.get_ref(), start)),
            Err(error) => {
                self.problems.add(syntax(&error, start));
                None
            }
        }
    }

    /// Takes the names of the files out of a tree that are to be included, each with its place.
    fn bases(&mut self, tree: &mut Tree) -> Vec<(String, Span)> {
        let Some(node) = tree.remove("include") else {
            return Vec::new();
        };
        let items = match node.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![&node],
        };
        let mut bases = Vec::new();
        for item in items {
            match item.get_ref().as_str() {
                Some(name) if name.is_empty() || name.contains(['/', '\\']) => {
                    let message = format!("`include` takes the name of a file, found `{name}`");
                    let help = "a base stands in the folder of the file that includes it: \
                                `include = \"base.toml\"`";
                    self.problems.at(item.span(), message, help);
                }
                Some(name) => bases.push((name.to_owned(), item.span())),
                None => {
                    let found = item.get_ref().type_str();
                    let message = format!("`include` takes names of files, found {found}");
                    self.problems.at(item.span(), message, HELP);
                }
            }
        }
        bases
    }

    fn include(&mut self, path: &Path, name: String, span: Span) {
        if let Some(at) = self.open.iter().position(|open| *open == name) {
            let mut circle: Vec<_> = self.open[at..].to_vec();
            circle.push(name);
            let circle = circle.join("` includes `");
            let message = format!("files include each other in a circle: `{circle}`");
            self.problems
                .at(span, message, "take one of these `include` out");
            return;
        }
        if self.texts.iter().any(|text| text.name == name) {
            return;
        }
        if self.texts.len() == MOST_FILES {
            let message = format!("more than {MOST_FILES} files are included");
            self.problems.at(span, message, "put some of them together");
            return;
        }
        match reading::read(path) {
            Ok(bytes) => self.read(path, &bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let message = format!("there is no file {} to include", path.display());
                self.problems.at(span, message, self.instead(path, &name));
            }
            Err(error) => {
                let message = format!("cannot read {}: {error}", path.display());
                self.problems.at(span, message, HELP);
            }
        }
    }

    /// The file that was probably meant, or where one is looked for.
    fn instead(&self, path: &Path, name: &str) -> String {
        let folder = path
            .parent()
            .map_or_else(PathBuf::new, reading::current_if_empty);
        let files: Vec<String> = reading::toml_files(&folder)
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .filter(|file| !self.open.contains(file))
            .collect();
        match closest(name, files.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                "a base stands in the folder of the file that includes it, and is named with its \
                     ending, as in `include = \"base.toml\"`"
                    .to_owned()
            }
        }
    }
}

fn syntax(error: &toml::de::Error, start: usize) -> Problem {
    let message = error.message().trim_end().to_owned();
    let help = if message.contains("duplicate key") {
        "keep one of the two"
    } else {
        "the file is TOML: https://toml.io"
    };
    let span = error.span().unwrap_or(0..0);
    Problem {
        message,
        places: vec![(span.start + start..span.end + start, "here".into())],
        help: Some(help.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{Sweep, SweepFile, SweepOptions, problem::ConfigErrors};

    /// Writes the files and reads the first.
    fn open(files: &[(&str, &str)]) -> Result<SweepFile, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let first = folder.path().join(files[0].0);
        SweepFile::open(first.to_str().unwrap(), folder.path()).map_err(told)
    }

    /// Messages with the files, lines and columns that they point into, and remedies.
    fn told(errors: ConfigErrors) -> String {
        let reports = errors
            .errors
            .into_iter()
            .map(|error| format!("{:?}", miette::Report::new(error)));
        reports.collect()
    }

    fn steps(files: &[(&str, &str)], scale: &str) -> usize {
        let options = SweepOptions {
            scale: Some(scale.to_owned()),
            set: Vec::new(),
        };
        let sweep = Sweep::resolve(open(files).unwrap(), &options)
            .map_err(told)
            .unwrap();
        let points = sweep.points().map_err(told).unwrap();
        let crate::jobs::JobSettings::Train(settings) = &points[0].settings else {
            panic!("a train sweep")
        };
        settings.train.steps.get()
    }

    const OWN: &str = "name = 'n'\nquestion = 'q'\nseeds = [1]\n";
    const BASE: &str = "job = 'train'\n[train]\nsteps = 300\nbatch = 2\n[scale.smoke]\ntrain.steps = 7\n\
        train.warmup = 0\n";

    #[test]
    fn a_file_is_laid_over_its_base_and_has_its_scales() {
        let plain = format!("include = 'base.toml'\n{OWN}");
        assert_eq!(
            steps(&[("a.toml", &plain), ("base.toml", BASE)], "base"),
            300
        );
        assert_eq!(
            steps(&[("a.toml", &plain), ("base.toml", BASE)], "smoke"),
            7
        );
        let longer = format!("{plain}[train]\nsteps = 500\n");
        assert_eq!(
            steps(&[("a.toml", &longer), ("base.toml", BASE)], "base"),
            500
        );
    }

    #[test]
    fn of_several_the_later_is_laid_over_the_earlier_and_each_counts_once() {
        let own = format!("include = ['base.toml', 'long.toml', 'base.toml']\n{OWN}");
        let long = "include = 'base.toml'\ntrain.steps = 900\n";
        let files = [("a.toml", &*own), ("base.toml", BASE), ("long.toml", long)];
        assert_eq!(steps(&files, "base"), 900);
        let file = open(&files).unwrap();
        let names: Vec<&str> = file.texts().iter().map(|text| &*text.name).collect();
        assert_eq!(names, ["a.toml", "base.toml", "long.toml"]);
    }

    #[test]
    fn a_member_of_a_family_takes_the_place_of_the_base_s() {
        let own = format!("include = 'b.toml'\n{OWN}job = 'train'\nrouter.strategy.hash = {{}}\n");
        let file = open(&[("a.toml", &own), ("b.toml", "router.strategy.top1 = {}\n")]).unwrap();
        assert!(tree::find(&file.tree, "router.strategy.hash").is_some());
        assert!(tree::find(&file.tree, "router.strategy.top1").is_none());
    }

    #[test]
    fn mistakes_point_into_the_file_that_they_are_in() {
        let own = format!("include = 'base.toml'\n{OWN}");
        let base = format!("{BASE}[moe]\nexperts = 0\n");
        let file = open(&[("a.toml", &own), ("base.toml", &base)]).unwrap();
        let sweep = Sweep::resolve(file, &SweepOptions::default()).unwrap();
        let error = told(sweep.points().unwrap_err());
        assert!(error.contains("base.toml:9:11"), "{error}");
        let error = open(&[("a.toml", &own), ("base.toml", "job = 'train'\n[moe\n")]).unwrap_err();
        assert!(error.contains("base.toml:2:"), "{error}");
    }

    #[test]
    fn files_that_are_missing_or_include_each_other_are_told() {
        let include = |what: &str| format!("include = {what}\n{OWN}");
        let missing = open(&[("a.toml", &include("'bas.toml'")), ("base.toml", BASE)]).unwrap_err();
        assert!(missing.contains("to include"), "{missing}");
        assert!(missing.contains("did you mean `base.toml`?"), "{missing}");
        let circle = open(&[
            ("a.toml", &include("'b.toml'")),
            ("b.toml", "include = 'a.toml'"),
        ]);
        // The message is folded.
        let circle = circle.unwrap_err().replace("\n  │", "");
        assert!(
            circle.contains("`a.toml` includes `b.toml` includes `a.toml`"),
            "{circle}"
        );
        assert!(circle.contains("b.toml:1:11"), "{circle}");
        for (wrong, says) in [
            ("'../base.toml'", "takes the name of a file"),
            ("3", "found integer"),
            ("['base.toml', 3]", "found integer"),
        ] {
            let error = open(&[("a.toml", &include(wrong)), ("base.toml", BASE)]).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        let unnamed = "include = 'base.toml'\nquestion = 'q'\nseeds = [1]";
        let unnamed = open(&[("a.toml", unnamed), ("base.toml", OWN)]).unwrap_err();
        assert!(unnamed.contains("needs a `name` of its own"), "{unnamed}");
        let scale = format!("{OWN}job = 'train'\n[scale.cpu]\ninclude = 'base.toml'\n");
        let file = open(&[("a.toml", &scale)]).unwrap();
        let error = told(Sweep::resolve(file, &SweepOptions::default()).unwrap_err());
        assert!(
            error.contains("`scale.cpu.include` has no effect here"),
            "{error}"
        );
    }
}
