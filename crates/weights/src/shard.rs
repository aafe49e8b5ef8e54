//! The files of a folder: one `model.safetensors`, or shards that an index names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use safetensors::tensor::{Metadata, TensorInfo};
use serde::Deserialize;

use crate::WeightsError;

/// The file of weights that are not sharded.
const WHOLE: &str = "model.safetensors";

/// The file that says which tensor is in which shard.
const INDEX: &str = "model.safetensors.index.json";

/// The length of the number that a safetensors file starts with.
const HEADER_LENGTH: u64 = 8;

/// More bytes than this are no header.
const LONGEST_HEADER: u64 = 100_000_000;

/// One file, and where in it which tensor is.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) path: PathBuf,
    pub(crate) tensors: BTreeMap<String, TensorInfo>,
    /// Where in the file the data starts.
    start: u64,
}

impl Shard {
    /// Reads the header of a file and holds it against the file's length.
    fn open(path: PathBuf) -> Result<Self, WeightsError> {
        let unreadable = |source| WeightsError::Read {
            path: path.clone(),
            source,
        };
        let damaged = |problem: String| WeightsError::damaged(&path, problem);
        let mut file = File::open(&path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let mut size = [0; HEADER_LENGTH as usize];
        if length < HEADER_LENGTH {
            return Err(damaged(format!("it has {length} bytes and no header")));
        }
        file.read_exact(&mut size).map_err(unreadable)?;
        let size = u64::from_le_bytes(size);
        if size > LONGEST_HEADER.min(length - HEADER_LENGTH) {
            return Err(damaged(format!(
                "its header would have {size} bytes, of {length} in the file"
            )));
        }
        let mut header = vec![0; size as usize];
        file.read_exact(&mut header).map_err(unreadable)?;
        let header: Metadata =
            serde_json::from_slice(&header).map_err(|error| damaged(error.to_string()))?;
        let (found, promised) = (length - HEADER_LENGTH - size, header.data_len() as u64);
        if found != promised {
            return Err(damaged(format!(
                "its tensors have {promised} bytes, and {found} follow its header"
            )));
        }
        let tensors = header.tensors().into_iter();
        Ok(Self {
            tensors: tensors.map(|(name, info)| (name, info.clone())).collect(),
            start: HEADER_LENGTH + size,
            path,
        })
    }

    /// The bytes of a tensor.
    pub(crate) fn read(&self, (from, to): (usize, usize)) -> io::Result<Vec<u8>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.start + from as u64))?;
        let mut bytes = vec![0; to - from];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// The index of sharded weights; its other fields are for people.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Opens all files of weights of a folder.
pub(crate) fn open(folder: &Path) -> Result<Vec<Shard>, WeightsError> {
    let whole = folder.join(WHOLE);
    if whole.is_file() {
        return Ok(vec![Shard::open(whole)?]);
    }
    let index = folder.join(INDEX);
    if !index.is_file() {
        return Err(WeightsError::NoWeights {
            folder: folder.to_owned(),
        });
    }
    let text = fs::read_to_string(&index).map_err(|source| WeightsError::Read {
        path: index.clone(),
        source,
    })?;
    match serde_json::from_str::<Index>(&text) {
        Ok(read) => sharded(folder, &index, &read.weight_map),
        Err(error) => Err(WeightsError::damaged(&index, error.to_string())),
    }
}

/// Opens the shards and holds them against their index, both ways.
fn sharded(
    folder: &Path,
    index: &Path,
    shard_of: &BTreeMap<String, String>,
) -> Result<Vec<Shard>, WeightsError> {
    let broken = |problem| Err(WeightsError::damaged(index, problem));
    let files: BTreeSet<&String> = shard_of.values().collect();
    let mut shards = Vec::with_capacity(files.len());
    for file in files {
        if Path::new(file).file_name() != Some(file.as_ref()) {
            return broken(format!(
                "a shard must be a file beside the index, got {file:?}"
            ));
        }
        let shard = Shard::open(folder.join(file))?;
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
