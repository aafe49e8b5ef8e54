//! The way back: parameters to a file.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fs::{self, OpenOptions},
    io,
    path::Path,
};

use burn::tensor::{DType, Tensor};
use safetensors::{Dtype, View, serialize_to_file};
use serde_json::json;

use crate::{Checkpoint, WeightsError, shard::INDEX};

/// A file of weights that is being put together, with names and layouts as `transformers` has them.
///
/// Tensors are brought to the host when they are written, one after another.
#[derive(Default)]
pub struct Writer {
    tensors: Vec<(String, Pending)>,
}

impl Writer {
    /// A file of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor as it is.
    ///
    /// # Panics
    ///
    /// When its type is none that is read.
    pub fn tensor<const D: usize>(&mut self, name: impl Into<String>, tensor: Tensor<D>) {
        let shape = tensor.dims().to_vec();
        let pending = Pending::new(shape, tensor.dtype(), move || {
            tensor.to_data().as_bytes().to_vec()
        });
        self.tensors.push((name.into(), pending));
    }

    /// Adds a tensor whose bytes are asked for when it is written.
    ///
    /// # Panics
    ///
    /// When its type is none that is read.
    pub fn made(
        &mut self,
        name: impl Into<String>,
        shape: Vec<usize>,
        dtype: DType,
        bytes: impl Fn() -> Vec<u8> + 'static,
    ) {
        let pending = Pending::new(shape, dtype, bytes);
        self.tensors.push((name.into(), pending));
    }

    /// The bytes of all tensors.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tensors.iter().map(|(_, tensor)| tensor.size()).sum()
    }

    /// Writes the file, over whatever was there. Its metadata say that the layout is PyTorch's, without
    /// which `transformers` does not read it.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(self, path: &Path) -> Result<(), WeightsError> {
        let unwritten = |problem: String| WeightsError::Write {
            path: path.to_owned(),
            problem,
        };
        let is_new = !path.exists();
        let mode = mode_of(path).map_err(|error| unwritten(error.to_string()))?;
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        let written = serialize_to_file(self.tensors, Some(metadata), path);
        if written.is_err() && is_new {
            // Not reported: the first error says why.
            let _ = fs::remove_file(path);
        }
        written.map_err(|error| unwritten(error.to_string()))?;
        fs::set_permissions(path, mode).map_err(|error| unwritten(error.to_string()))
    }

    /// Writes a folder's `model.safetensors`, or where it would be larger than `most` bytes several files and
    /// the index that names them, as `transformers` does.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn write_folder(self, folder: &Path, most: u64) -> Result<(), WeightsError> {
        let size = self.bytes();
        if size <= most {
            return self.write(&folder.join("model.safetensors"));
        }
        let mut shards = vec![(0, Self::new())];
        for (name, tensor) in self.tensors {
            let more = tensor.size();
            if shards
                .last()
                .is_some_and(|(size, _)| *size > 0 && size + more > most)
            {
                shards.push((0, Self::new()));
            }
            let (size, shard) = shards.last_mut().expect("there is one");
            *size += more;
            shard.tensors.push((name, tensor));
        }
        let count = shards.len();
        let mut files = Vec::new();
        for (number, (_, shard)) in shards.into_iter().enumerate() {
            let file = shard_name(number, count);
            shard.write(&folder.join(&file))?;
            files.push(file);
        }
        write_index(folder, &files)
    }
}

/// What the files of a folder are called, as `transformers` calls them; the first is number 0.
#[must_use]
pub fn shard_name(number: usize, count: usize) -> String {
    format!("model-{:05}-of-{count:05}.safetensors", number + 1)
}

/// Writes the index of a folder's files, without which they are no model.
///
/// # Errors
///
/// When one of them cannot be read, and when the index cannot be written.
pub fn write_index(folder: &Path, files: &[String]) -> Result<(), WeightsError> {
    let (mut map, mut size) = (BTreeMap::new(), 0);
    for file in files {
        let read = Checkpoint::open_file(&folder.join(file), |name| Some(name.to_owned()))?;
        for (name, bytes) in read.sizes() {
            map.insert(name.to_owned(), file.clone());
            size += bytes;
        }
    }
    let index = json!({"metadata": {"total_size": size}, "weight_map": map});
    let path = folder.join(INDEX);
    fs::write(&path, index.to_string()).map_err(|error| WeightsError::Write {
        path,
        problem: error.to_string(),
    })
}

/// Who may read a file that is written here: as it was, or as this process makes files. The library puts a
/// temporary file in its place, which is its owner's alone.
fn mode_of(path: &Path) -> io::Result<fs::Permissions> {
    let file = OpenOptions::new().append(true).create(true).open(path)?;
    Ok(file.metadata()?.permissions())
}

/// A tensor that is yet to be brought to the host.
struct Pending {
    shape: Vec<usize>,
    dtype: Dtype,
    bytes: Box<dyn Fn() -> Vec<u8>>,
}

impl Pending {
    fn new(shape: Vec<usize>, dtype: DType, bytes: impl Fn() -> Vec<u8> + 'static) -> Self {
        let dtype = match dtype {
            DType::F32 => Dtype::F32,
            DType::F16 => Dtype::F16,
            DType::BF16 => Dtype::BF16,
            DType::I32 => Dtype::I32,
            other => panic!("weights are F32, F16 or BF16, or words I32, got {other:?}"),
        };
        let bytes = Box::new(bytes);
        Self {
            shape,
            dtype,
            bytes,
        }
    }

    fn size(&self) -> u64 {
        self.data_len() as u64
    }
}

impl View for Pending {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned((self.bytes)())
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.bitsize() / 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layout;

    #[test]
    fn a_folder_of_several_files_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut writer = Writer::new();
        let mut layout = Layout::new();
        for (name, count) in [("a", 10), ("b", 1), ("c", 1), ("d", 2)] {
            writer.made(name, vec![count], DType::I32, move || {
                (0..count as i32).flat_map(i32::to_le_bytes).collect()
            });
            layout.words(name, &[count]);
        }
        assert_eq!(writer.bytes(), 56);
        // The first is larger than a file should be, and has one by itself.
        writer.write_folder(folder.path(), 8).expect("written");
        let files = Checkpoint::open(folder.path(), |name| Some(name.to_owned())).expect("read");
        let sizes: Vec<_> = files.sizes().collect();
        assert_eq!(sizes, [("a", 40), ("b", 4), ("c", 4), ("d", 8)]);
        let checked = files.check(&layout, "").expect("all are there");
        assert_eq!(checked.words("d").expect("read"), [0, 1]);
        let names = fs::read_dir(folder.path()).expect("a folder");
        let mut names: Vec<_> = names
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        let expected = [
            "model-00001-of-00003.safetensors",
            "model-00002-of-00003.safetensors",
            "model-00003-of-00003.safetensors",
            "model.safetensors.index.json",
        ];
        assert_eq!(names, expected);
    }

    /// As any other file of the folder: a model that is copied to others is read by them.
    #[cfg(unix)]
    #[test]
    fn who_may_read_weights_is_as_with_other_files() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().expect("a folder");
        let mode = |name: &str| {
            let data = fs::metadata(folder.path().join(name)).expect("a file");
            data.permissions().mode() & 0o777
        };
        let write = || Writer::new().write(&folder.path().join("weights"));
        fs::write(folder.path().join("other"), "").expect("written");
        write().expect("written");
        assert_eq!(mode("weights"), mode("other"));
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(folder.path().join("weights"), private).expect("changed");
        write().expect("written again");
        assert_eq!(mode("weights"), 0o600);
    }
}
