//! The files of a folder: one `model.safetensors`, or shards that an index names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use safetensors::{SafeTensors, tensor::TensorInfo};
use serde::Deserialize;

use crate::BertError;

/// The file of weights that are not sharded.
const WHOLE: &str = "model.safetensors";

/// The file that says which tensor is in which shard.
const INDEX: &str = "model.safetensors.index.json";

/// The length of the number that a safetensors file starts with.
const HEADER_LENGTH: usize = 8;

/// One file: its bytes, and where in them which tensor is.
pub(super) struct Shard {
    pub(super) path: PathBuf,
    pub(super) tensors: BTreeMap<String, TensorInfo>,
    bytes: Vec<u8>,
    /// Where in the file the data starts.
    start: usize,
}

impl Shard {
    fn read(path: PathBuf) -> Result<Self, BertError> {
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(source) => return Err(BertError::Read { path, source }),
        };
        let (header, tensors) = match SafeTensors::read_metadata(&bytes) {
            Ok((header, metadata)) => {
                let tensors = metadata.tensors().into_iter();
                (
                    header,
                    tensors.map(|(name, info)| (name, info.clone())).collect(),
                )
            }
            Err(error) => return Err(damaged(path, error.to_string())),
        };
        Ok(Self {
            path,
            tensors,
            bytes,
            start: HEADER_LENGTH + header,
        })
    }

    /// The bytes of a tensor; the file has been found to hold them.
    pub(super) fn data(&self, (from, to): (usize, usize)) -> &[u8] {
        &self.bytes[self.start + from..self.start + to]
    }
}

/// The index of sharded weights; its other fields are for people.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Reads all files of weights of a folder.
pub(super) fn read(folder: &Path) -> Result<Vec<Shard>, BertError> {
    let whole = folder.join(WHOLE);
    if whole.is_file() {
        return Ok(vec![Shard::read(whole)?]);
    }
    let index = folder.join(INDEX);
    if !index.is_file() {
        return Err(BertError::NoWeights {
            folder: folder.to_owned(),
        });
    }
    let text = match fs::read_to_string(&index) {
        Ok(text) => text,
        Err(source) => {
            return Err(BertError::Read {
                path: index,
                source,
            });
        }
    };
    match serde_json::from_str::<Index>(&text) {
        Ok(read) => sharded(folder, &index, &read.weight_map),
        Err(error) => Err(damaged(index, error.to_string())),
    }
}

/// Reads the shards and holds them against their index, both ways.
fn sharded(
    folder: &Path,
    index: &Path,
    shard_of: &BTreeMap<String, String>,
) -> Result<Vec<Shard>, BertError> {
    let broken = |problem| Err(damaged(index.to_owned(), problem));
    let files: BTreeSet<&String> = shard_of.values().collect();
    let mut shards = Vec::with_capacity(files.len());
    for file in files {
        if Path::new(file).file_name() != Some(file.as_ref()) {
            return broken(format!(
                "a shard must be a file beside the index, got {file:?}"
            ));
        }
        let shard = Shard::read(folder.join(file))?;
        let promised = |name: &String| shard_of.get(name) == Some(file);
        if let Some(extra) = shard.tensors.keys().find(|name| !promised(name)) {
            return broken(format!(
                "it does not place `{extra}` in {file}, which has it"
            ));
        }
        let mut due = shard_of.iter().filter(|(_, place)| *place == file);
        if let Some((absent, _)) = due.find(|(name, _)| !shard.tensors.contains_key(*name)) {
            return broken(format!("it places `{absent}` in {file}, which lacks it"));
        }
        shards.push(shard);
    }
    Ok(shards)
}

fn damaged(path: PathBuf, problem: String) -> BertError {
    BertError::Damaged { path, problem }
}
