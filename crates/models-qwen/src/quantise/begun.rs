//! How far a model has come.

use std::{
    fs,
    path::{Path, PathBuf},
};

use quant_gptq::{GptqConfig, MapReport};
use serde::{Deserialize, Serialize};
use weights::WeightsError;

use super::{Quantise, QuantiseError};

/// What became of the maps, and while layers are missing, what they are made of.
pub(super) const FILE: &str = "quantised.json";

/// What layers are made of: not to be mixed with those made of something else.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Made {
    settings: GptqConfig,
    /// The digest of the calibration texts.
    texts: String,
    /// The files of the model: names, sizes and digests of the beginnings, which say what is in them.
    files: Vec<(String, u64, String)>,
}

/// A folder that is being filled.
pub(super) struct Begun {
    path: PathBuf,
    state: State,
}

#[derive(Serialize, Deserialize)]
struct State {
    made: Made,
    /// The maps of the layers that are finished.
    layers: Vec<Vec<MapReport>>,
}

impl Begun {
    /// What the folder holds already, or a new one.
    pub(super) fn of(quantise: &Quantise<'_>) -> Result<Self, QuantiseError> {
        let folder = quantise.to;
        let made = Made::of(quantise)?;
        fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
        let path = folder.join(FILE);
        let layers = match fs::read(&path) {
            Err(_) if is_empty(folder)? => Vec::new(),
            Err(_) => {
                return Err(QuantiseError::Full {
                    folder: folder.to_owned(),
                });
            }
            Ok(text) => match serde_json::from_slice::<State>(&text) {
                Ok(state) if state.made == made => state.layers,
                _ => {
                    return Err(QuantiseError::Other {
                        folder: folder.to_owned(),
                    });
                }
            },
        };
        let begun = Self {
            path,
            state: State { made, layers },
        };
        begun.write()?;
        Ok(begun)
    }

    /// The maps of a layer that is finished.
    pub(super) fn finished(&self, layer: usize) -> Option<&[MapReport]> {
        self.state.layers.get(layer).map(Vec::as_slice)
    }

    /// The next layer is written.
    pub(super) fn finish(&mut self, maps: Vec<MapReport>) -> Result<(), QuantiseError> {
        self.state.layers.push(maps);
        self.write()
    }

    /// All maps.
    pub(super) fn end(self) -> Vec<MapReport> {
        self.state.layers.into_iter().flatten().collect()
    }

    fn write(&self) -> Result<(), QuantiseError> {
        let text = serde_json::to_vec_pretty(&self.state).expect("plain data");
        replace(&self.path, &text)
    }
}

fn is_empty(folder: &Path) -> Result<bool, WeightsError> {
    let mut entries = fs::read_dir(folder).map_err(|error| unwritten(folder, &error))?;
    Ok(entries.next().is_none())
}

impl Made {
    fn of(quantise: &Quantise<'_>) -> Result<Self, QuantiseError> {
        let mut texts = blake3::Hasher::new();
        for text in quantise.texts {
            texts.update(&text.length.to_le_bytes());
            for id in &text.inputs {
                texts.update(&id.to_le_bytes());
            }
        }
        let unread = |path: &Path, source| WeightsError::Read {
            path: path.to_owned(),
            source,
        };
        let mut files = Vec::new();
        let entries = fs::read_dir(quantise.from).map_err(|error| unread(quantise.from, error))?;
        for entry in entries {
            let path = entry.map_err(|error| unread(quantise.from, error))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name == "config.json" || name.ends_with(".safetensors") {
                let (bytes, digest) = beginning(&path).map_err(|error| unread(&path, error))?;
                files.push((name.into_owned(), bytes, digest));
            }
        }
        files.sort();
        Ok(Self {
            settings: quantise.config.clone(),
            texts: texts.finalize().to_hex().to_string(),
            files,
        })
    }
}

/// The size of a file, and the digest of its first mebibytes.
fn beginning(path: &Path) -> std::io::Result<(u64, String)> {
    use std::io::Read as _;
    const MOST: u64 = 4 << 20;
    let file = fs::File::open(path)?;
    let bytes = file.metadata()?.len();
    let mut some = Vec::new();
    file.take(MOST).read_to_end(&mut some)?;
    Ok((bytes, blake3::hash(&some).to_hex().to_string()))
}

/// Writes a file as a whole or not at all.
pub(super) fn replace(path: &Path, text: &[u8]) -> Result<(), QuantiseError> {
    let partial = path.with_extension("partial");
    let written = fs::write(&partial, text).and_then(|()| fs::rename(&partial, path));
    written.map_err(|error| unwritten(path, &error).into())
}

pub(super) fn unwritten(path: &Path, error: &std::io::Error) -> WeightsError {
    WeightsError::Write {
        path: path.to_owned(),
        problem: error.to_string(),
    }
}
