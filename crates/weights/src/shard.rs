//! The files of a folder: one `model.safetensors`, or shards that an index names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use safetensors::tensor::TensorInfo;
use serde::Deserialize;

use crate::{WeightsError, header::Header};

/// The file of weights that are not sharded.
const WHOLE: &str = "model.safetensors";

/// The file that says which tensor is in which shard.
pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// The length of the number that a safetensors file starts with.
const HEADER_LENGTH: u64 = 8;

/// More bytes than this are no header.
const LONGEST_HEADER: u64 = 100_000_000;

/// Bytes that are read at a time.
const PIECE: usize = 1 << 20;

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
    pub(crate) fn open(path: PathBuf) -> Result<Self, WeightsError> {
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
        let header: Header =
            serde_json::from_slice(&header).map_err(|error| damaged(error.to_string()))?;
        let data = length - HEADER_LENGTH - size;
        header.check(data).map_err(damaged)?;
        Ok(Self {
            tensors: header.0,
            start: HEADER_LENGTH + size,
            path,
        })
    }

    /// The bytes of a place in the data, to be read in turn.
    fn at(&self, (from, to): (usize, usize)) -> io::Result<io::Take<File>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.start + from as u64))?;
        Ok(file.take((to - from) as u64))
    }

    /// Shows the bytes of a place, piece by piece: each of whole lines of so many bytes.
    pub(crate) fn pieces(
        &self,
        place: (usize, usize),
        line: usize,
        mut piece: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let length = place.1 - place.0;
        let lines = (PIECE / line.max(1)).max(1);
        let mut bytes = vec![0; (lines * line.max(1)).min(length)];
        let mut file = self.at(place)?;
        let mut left = length;
        while left > 0 {
            let some = left.min(bytes.len());
            file.read_exact(&mut bytes[..some])?;
            piece(&bytes[..some]);
            left -= some;
        }
        Ok(())
    }

    /// Whether the bytes of a place are those of another one of equal length.
    pub(crate) fn is_equal(
        &self,
        place: (usize, usize),
        other: &Self,
        other_place: (usize, usize),
    ) -> io::Result<bool> {
        let mut theirs = other.at(other_place)?;
        let mut compared = Vec::new();
        let (mut equal, mut failed) = (true, None);
        self.pieces(place, 1, |piece| {
            compared.resize(piece.len(), 0);
            match theirs.read_exact(&mut compared) {
                Ok(()) => equal &= compared == piece,
                Err(error) => failed = Some(error),
            }
        })?;
        failed.map_or(Ok(equal), Err)
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
