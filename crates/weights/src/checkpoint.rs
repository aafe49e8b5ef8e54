//! The tensors of a folder, and those of them that a model is made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::{
    Checked, Entry, Layout, TensorProblem, WeightsError, numbers,
    shard::{self, Shard},
    stored::Stored,
};

/// The tensors of a folder by name; only headers have been read.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    shards: Vec<Shard>,
    tensors: BTreeMap<String, Stored>,
    problems: Vec<TensorProblem>,
}

impl Checkpoint {
    /// Opens `model.safetensors`, or `model.safetensors.index.json` and the files that it names.
    /// `spelling` gives the one name of a stored name, or nothing for what is no parameter.
    ///
    /// # Errors
    ///
    /// When a file is missing, cannot be read or is damaged. Two names of one tensor are a problem that
    /// [`check`](Self::check) tells.
    pub fn open(
        folder: &Path,
        spelling: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, WeightsError> {
        Ok(Self::of(folder, shard::open(folder)?, spelling))
    }

    /// Opens one file, whatever its name, with a `spelling` as in [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// When it is missing, cannot be read or is damaged.
    pub fn open_file(
        path: &Path,
        spelling: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, WeightsError> {
        let folder = path.parent().unwrap_or(path);
        let shards = vec![Shard::open(path.to_owned())?];
        Ok(Self::of(folder, shards, spelling))
    }

    fn of(
        folder: &Path,
        mut shards: Vec<Shard>,
        spelling: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let mut tensors: BTreeMap<String, Stored> = BTreeMap::new();
        let mut problems = Vec::new();
        for (number, shard) in shards.iter_mut().enumerate() {
            for (stored_name, info) in std::mem::take(&mut shard.tensors) {
                let Some(name) = spelling(&stored_name) else {
                    continue;
                };
                let stored = Stored::new(number, stored_name.clone(), info);
                if let Some(first) = tensors.insert(name, stored) {
                    problems.push(TensorProblem::Twice {
                        file: shard.path.clone(),
                        tensor: stored_name,
                        other: first.name,
                    });
                }
            }
        }
        Self {
            folder: folder.to_owned(),
            shards,
            tensors,
            problems,
        }
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The names, sorted, each with the bytes that the tensor has in its file.
    pub fn sizes(&self) -> impl Iterator<Item = (&str, usize)> {
        let tensors = self.tensors.iter();
        tensors.map(|(name, stored)| (name.as_str(), stored.bytes()))
    }

    /// The shape of a tensor, if it is there.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|stored| stored.shape.as_slice())
    }

    /// The error that a tensor is none of what its name says.
    ///
    /// # Panics
    ///
    /// When there is none of this name.
    #[must_use]
    pub fn senseless(&self, name: &str, problem: String) -> WeightsError {
        self.tensors[name].senseless(&self.folder, &self.shards, problem)
    }

    /// Refuses a setting of more parts than there are, before a layout is made that is as long as a
    /// configuration says. The names of a part's tensors begin with `prefix`, its number and a dot.
    ///
    /// # Errors
    ///
    /// When fewer than `parts` have a tensor.
    pub fn check_parts(
        &self,
        setting: &'static str,
        prefix: &str,
        parts: usize,
    ) -> Result<(), WeightsError> {
        let number = |name: &str| {
            let rest = name.strip_prefix(prefix)?;
            rest.split_once('.').map(|(number, _)| number.to_owned())
        };
        let numbers: BTreeSet<String> = self.names().filter_map(number).collect();
        let stored = numbers.len();
        if parts <= stored {
            return Ok(());
        }
        Err(WeightsError::Parts {
            folder: self.folder.clone(),
            setting,
            parts,
            stored,
            prefix: prefix.to_owned(),
        })
    }

    /// Takes `copy` away where it equals `original`, as a matrix that a model uses twice is stored twice
    /// by some programs. One that differs is a problem; where only the copy is there, it takes the place of
    /// the original.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn tie(&mut self, copy: &str, original: &str) -> Result<(), WeightsError> {
        let Some(second) = self.tensors.remove(copy) else {
            return Ok(());
        };
        match self.tensors.get(original) {
            None => {
                self.tensors.insert(original.to_owned(), second);
            }
            Some(first) => {
                let equal = first.equals(&second, &self.shards);
                let equal = equal.map_err(|source| WeightsError::Read {
                    path: self.shards[second.shard].path.clone(),
                    source,
                })?;
                if !equal {
                    self.problems.push(TensorProblem::Untied {
                        file: self.shards[second.shard].path.clone(),
                        tensor: second.name,
                        other: first.name.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Holds the tensors against a layout, both ways. `also` says under which other names a missing one
    /// was looked for.
    ///
    /// # Errors
    ///
    /// Everything that does not fit, together.
    pub fn check(mut self, layout: &Layout, also: &str) -> Result<Checked, WeightsError> {
        let mut problems = std::mem::take(&mut self.problems);
        let path = |stored: &Stored| self.shards[stored.shard].path.clone();
        for Entry { name, shape, holds } in layout.iter() {
            match self.tensors.get(name) {
                None => problems.push(TensorProblem::Missing {
                    tensor: name.clone(),
                    expected: shape.clone(),
                    files: self.shards.iter().map(|shard| shard.path.clone()).collect(),
                    also: also.to_owned(),
                }),
                Some(stored) if stored.shape != *shape => problems.push(TensorProblem::Shape {
                    file: path(stored),
                    tensor: stored.name.clone(),
                    expected: shape.clone(),
                    got: stored.shape.clone(),
                }),
                Some(stored) if !numbers::is_of(stored.dtype, *holds) => {
                    problems.push(TensorProblem::Type {
                        file: path(stored),
                        tensor: stored.name.clone(),
                        expected: *holds,
                        got: format!("{:?}", stored.dtype),
                    });
                }
                Some(_) => {}
            }
        }
        let known: BTreeSet<&str> = layout.iter().map(|entry| entry.name.as_str()).collect();
        let extra = self
            .tensors
            .iter()
            .filter(|(name, _)| !known.contains(name.as_str()));
        problems.extend(extra.map(|(_, stored)| TensorProblem::Unexpected {
            file: path(stored),
            tensor: stored.name.clone(),
        }));
        if problems.is_empty() {
            Ok(Checked::new(self.folder, self.shards, self.tensors))
        } else {
            Err(WeightsError::Tensors {
                folder: self.folder,
                problems,
            })
        }
    }
}
